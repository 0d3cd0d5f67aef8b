"""Errors the package raises on purpose: each message says what is wrong, where, and what to do."""

from __future__ import annotations

_LONGEST = 4000  # characters of a message; its end, where the remedy stands, is kept


def in_one_line(text: str) -> str:
    """Text that a terminal can show as it is: files may bring line breaks, escape sequences and endless words.

    Whitespace becomes a blank, other characters without a picture their escapes; of very long text the middle is left
    out.
    """
    if not text.isprintable():
        text = "".join(each if each.isprintable() else _plain(each) for each in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1000]} [...] {text[-990:]}"


def _plain(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()


class GschnetError(Exception):
    """Something the user can put right; the message says what and how, in one line."""

    def __str__(self) -> str:
        return in_one_line(super().__str__())


class DataError(GschnetError):
    """A source of molecules is missing, damaged or holds something that cannot be used."""


class DisconnectedMolecule(DataError):  # noqa: N818
    """Some atom of a molecule cannot be reached through placement neighbours."""


class RecipeError(GschnetError):
    """A recipe names something that does not exist or cannot work."""


class ModelError(GschnetError):
    """A model file or run directory is missing, damaged or does not fit."""
