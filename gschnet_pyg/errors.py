"""Errors the package raises on purpose: each message says what is wrong, where, and what to do."""

from __future__ import annotations


class GschnetError(Exception):
    """Something the user can put right; the message says what and how."""


class DataError(GschnetError):
    """A source of molecules is missing, damaged or holds something that cannot be used."""


class DisconnectedMolecule(DataError):  # noqa: N818
    """Some atom of a molecule cannot be reached through placement neighbours."""


class RecipeError(GschnetError):
    """A recipe names something that does not exist or cannot work."""


class ModelError(GschnetError):
    """A model file or run directory is missing, damaged or does not fit."""
