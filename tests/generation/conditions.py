"""Conditions of a model, as its file describes them."""

from __future__ import annotations

from gschnet_pyg.model.conditions import CompositionCondition, ScalarCondition, VectorCondition

GAP = ScalarCondition(name="gap", unit="eV", observed=((2.0, 12.0),), minimum=2.0, maximum=11.0, spacing=2.25)
COMPOSITION = CompositionCondition(
    atom_types=(1, 6, 7, 8),
    observed=((0.0, 20.0), (0.0, 9.0), (0.0, 5.0), (0.0, 5.0)),
    computed={"kind": "composition"},
)
FINGERPRINT = VectorCondition(name="fingerprint", computed={"kind": "fingerprint", "radius": 2, "bits": 256}, size=256)
DIPOLE = VectorCondition(name="dipole", size=3, observed=((-1.0, 1.0), (0.0, 0.5), (-2.0, 2.0)))
