"""Conditional G-SchNet, the autoregressive generator of 3d molecules, on PyTorch Geometric."""

__version__ = "0.1.0"
