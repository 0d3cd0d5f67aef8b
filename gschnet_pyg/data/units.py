"""Units of sources: everything inside is Å, energies are eV, other properties keep their stated unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches

from ase import units as ase_units

from gschnet_pyg.data.arrays import MoleculeArrays, Property
from gschnet_pyg.errors import DataError

_ENERGIES = {
    "eV": ("ev", "electronvolt"),
    "meV": ("mev",),
    "Hartree": ("hartree", "ha", "eh"),
    "Rydberg": ("rydberg", "ry"),
    "kcal/mol": ("kcal/mol", "kcalmol", "kcal mol^-1"),
    "kJ/mol": ("kj/mol", "kjmol", "kj mol^-1"),
    "1/cm": ("1/cm", "cm^-1", "cm-1", "invcm"),
    "J": ("j", "joule"),
}
_IN_EV = {
    "eV": 1.0,
    "meV": 1e-3,
    "Hartree": ase_units.Hartree,
    "Rydberg": ase_units.Rydberg,
    "kcal/mol": ase_units.kcal / ase_units.mol,
    "kJ/mol": ase_units.kJ / ase_units.mol,
    "1/cm": ase_units.invcm,
    "J": ase_units.J,
}
_LENGTHS = {
    "Ang": ("ang", "angstrom", "å", "å", "a"),
    "Bohr": ("bohr", "a0", "a.u.", "au"),
    "nm": ("nm", "nanometer", "nanometre"),
    "pm": ("pm", "picometer", "picometre"),
}
_IN_ANGSTROM = {"Ang": 1.0, "Bohr": ase_units.Bohr, "nm": ase_units.nm, "pm": 0.01}
_NOT_STATED = {"", "1", "none"}
_ATOMIC = {"a.u.", "au"}  # of a dipole as well as of an energy
_ALIKE = 0.85  # "hartee" is, "cal/mol/K" and "kcal/mol" are not


def _canonical(unit: str, table: Mapping[str, tuple[str, ...]]) -> str | None:
    spelling = unit.strip().lower()
    return next((name for name, spellings in table.items() if spelling in spellings), None)


def energy_factor(unit: str | None) -> float | None:
    """What a unit of energy is in eV; none if it is not a unit of energy."""
    name = _canonical(unit, _ENERGIES) if unit else None
    return _IN_EV[name] if name else None


def length_factor(unit: str) -> float:
    """What a unit of length is in Å.

    Raises:
        DataError: if it is not a unit of length.
    """
    name = _canonical(unit, _LENGTHS)
    if name is None:
        raise DataError(f"distance unit {unit!r} is unknown; choose from {', '.join(_LENGTHS)}")
    return _IN_ANGSTROM[name]


def in_internal_units(
    arrays: MoleculeArrays, units: Mapping[str, str] | None = None, distance_unit: str | None = None
) -> MoleculeArrays:
    """Molecules in Å, energies in eV.

    Args:
        arrays: as read, with the units that the source states itself.
        units: property name -> unit, by the user.
        distance_unit: unit of the positions, by the user.

    Raises:
        DataError: if a unit is almost one of energy, contradicts the source, or belongs to no property, or that of
            the positions is unknown.
    """
    units = dict(units or {})
    for name, unit in units.items():
        _check_spelling(name, unit)
    known = {*arrays.properties, *arrays.unusable}
    if missing := [name for name in units if name not in known]:
        raise DataError(
            f"{arrays.source}: a unit is given for {missing[0]!r}, which is no property there; "
            f"there are: {', '.join(sorted(known)) or 'none'}"
        )
    stated = arrays.distance_unit
    if stated and distance_unit and length_factor(stated) != length_factor(distance_unit):
        raise DataError(
            f"{arrays.source}: states distances in {stated}, but {distance_unit} is asked for; drop the distance unit"
        )
    length = length_factor(distance_unit or stated or "Ang")
    properties = {
        name: _converted(prop, _settle(arrays.source, name, prop.unit, units.get(name)))
        for name, prop in arrays.properties.items()
    }
    pos = arrays.pos if length == 1.0 else arrays.pos * length
    return replace(arrays, pos=pos, properties=properties, distance_unit=None)


def _check_spelling(name: str, unit: str | None) -> None:
    """Refuse a unit that is almost one of energy; the numbers would silently stay as they are."""
    if not unit or energy_factor(unit) is not None:
        return
    spelling = unit.strip(" ./").lower()
    # one more or less division is another quantity: kcal/mol/Ang
    spellings = {
        each: energy
        for energy, spellings in _ENERGIES.items()
        for each in spellings
        if each.count("/") == spelling.count("/")
    }
    if near := get_close_matches(spelling, spellings, n=1, cutoff=_ALIKE):
        raise DataError(
            f"unit {unit!r} of {name} is unknown; is it {spellings[near[0]]}? Energies can be in "
            f"{', '.join(_ENERGIES)}; without a unit the numbers stay as they are"
        )


def _settle(source: str, name: str, stated: str | None, given: str | None) -> str | None:
    """The unit of a property: the stated one, the given one, or an error where they contradict each other."""
    if stated is not None and stated.strip().lower() in _NOT_STATED:
        stated = None
    if given and stated and stated.strip().lower() in _ATOMIC:
        return given
    if stated and given and (_canonical(stated, _ENERGIES) or stated) != (_canonical(given, _ENERGIES) or given):
        raise DataError(f"{source}: states {name} in {stated}, but {given} is asked for; drop the unit of {name}")
    return given or stated


def _converted(prop: Property, unit: str | None) -> Property:
    factor = energy_factor(unit)
    if factor is None:
        return replace(prop, unit=unit)
    return Property(prop.values if factor == 1.0 else prop.values * factor, "eV")
