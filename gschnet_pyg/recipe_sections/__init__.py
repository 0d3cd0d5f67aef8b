"""Sections that recipes are made of."""
