"""Growing molecules with a trained model."""
