"""Weights & Biases: runs are followed there, and go on whatever becomes of it."""
