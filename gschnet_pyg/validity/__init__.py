"""Molecules judged: RDKit validity, EDM stability, distributions; rates with their denominators.

Empty on purpose: worker processes import this package and must not load torch.
"""
