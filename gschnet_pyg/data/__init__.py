"""Molecules in, molecules out: sources, units, cache, the demo set, QM9, and files to write."""
