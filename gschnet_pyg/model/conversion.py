"""State dicts of the established implementation (schnetpack-gschnet): what they say of a model, and its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gschnet_pyg.contracts import Cutoffs, DistanceBins, Vocabulary
from gschnet_pyg.errors import ModelError
from gschnet_pyg.model.conditions import (
    HYDROGEN,
    CompositionCondition,
    Condition,
    Mixing,
    ScalarCondition,
    VectorCondition,
)
from gschnet_pyg.model.gschnet import ModelSettings
from gschnet_pyg.model.state_reader import StateReader


@dataclass(frozen=True)
class EstablishedModel:
    """What a state dict of the established implementation says.

    Attributes:
        vocabulary: atom types and tokens.
        cutoffs: Å; the covalent factor is no part of a state dict, and none here.
        settings: sizes of the network, bins included.
        conditions: with sizes and ranges; the state dict does not name their properties, so names are empty.
        mixing: of the conditions; none without any.
        weights: by the names of :class:`gschnet_pyg.model.gschnet.GSchNet`, float32.
        passed_over: names of what changes no prediction.
    """

    vocabulary: Vocabulary
    cutoffs: Cutoffs
    settings: ModelSettings
    conditions: tuple[Condition, ...]
    mixing: Mixing | None
    weights: Mapping[str, Tensor]
    passed_over: tuple[str, ...]


def read_established(state: Mapping[str, Tensor]) -> EstablishedModel:
    """Read a state dict of schnetpack-gschnet's ``ConditionalGenerativeSchNet``.

    That its cutoff function is the cosine, which the established experiments use, cannot be seen in a state dict and
    is taken for granted.

    Args:
        state: parameters and buffers by their names there; those of a task (``model.`` before every name) as well.

    Returns:
        Sizes, and the weights by our names.

    Raises:
        ModelError: if parameters are missing, unknown or not finite, or the model is one that this package lacks.

    Source:
        schnetpack-gschnet 1.1; Gebauer et al., Nat. Commun. 13, 973 (2022).
    """
    try:
        return _read(StateReader(_of_the_model(state)))
    except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as error:
        raise ModelError(
            f"has parameters of other shapes or types than those of a cG-SchNet ({error}); is it a state dict of "
            "schnetpack-gschnet 1.1?"
        ) from error


def _read(reader: StateReader) -> EstablishedModel:
    """As :func:`read_established`; parameters that have no sense raise whatever comes up."""
    vocabulary = Vocabulary(
        tuple(reader.take("atom_types").tolist()), *(reader.number(f"{name}_type") for name in _TOKENS)
    )
    model, prediction, placement = (_rounded(reader.take(f"{name}_cutoff")) for name in _CUTOFFS)
    cutoffs = Cutoffs(model, prediction, placement, covalent_factor=None)
    _check_unit(reader)
    settings = _schnet(reader, vocabulary, cutoffs)
    conditions, mixing = _conditions(reader, vocabulary)
    type_widths = reader.dense("type_prediction_net", "type_head")
    distance_widths = reader.dense("distance_prediction_net", "distance_head")
    reader.embedding("next_type_embedding", "next_type_embedding", vocabulary.atom_types)
    bins = _bins(reader, distance_widths[-1])
    average = reader.left.pop("average_type_distributions", torch.tensor(False))
    settings = replace(
        settings,
        type_layers=len(type_widths) - 1,
        type_width=_width(type_widths),
        distance_layers=len(distance_widths) - 1,
        distance_width=_width(distance_widths),
        average_types=bool(average),
        max_distance=bins.maximum,
        n_distance_bins=bins.number,
    )
    return EstablishedModel(vocabulary, cutoffs, settings, conditions, mixing, reader.ours, reader.finish())


_TOKENS = ("origin", "focus", "stop")
_CUTOFFS = ("model", "prediction", "placement")
_OF_THE_TASK = ("gaussian_centers", "gaussian_width")


def _of_the_model(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of a task's state dict that is the model's; its other buffers are labels of the training."""
    if not any(name.startswith("model.") for name in state):
        return dict(state)
    return {name.removeprefix("model."): value for name, value in state.items() if name not in _OF_THE_TASK}


def _schnet(reader: StateReader, vocabulary: Vocabulary, cutoffs: Cutoffs) -> ModelSettings:
    """The representation: SchNet with the cosine cutoff."""
    nodes = (*vocabulary.atom_types, vocabulary.origin, vocabulary.focus)
    n_features = reader.embedding("representation.embedding", "schnet.embedding", nodes)
    offsets = reader.gaussians("representation.radial_basis")
    cutoff = float(reader.take("representation.cutoff_fn.cutoff"))
    if abs(float(offsets[0])) > 1e-6 or not math.isclose(float(offsets[-1]), cutoffs.model, rel_tol=1e-5):
        raise ModelError(
            f"representation.radial_basis: Gaussians from {offsets[0]:g} to {offsets[-1]:g}; only those from 0 to the "
            f"model cutoff, {cutoffs.model:g}, are supported"
        )
    if not math.isclose(cutoff, cutoffs.model, rel_tol=1e-5):
        raise ModelError(f"representation.cutoff_fn.cutoff: {cutoff:g} is not the model cutoff, {cutoffs.model:g}")
    blocks: list[dict[str, Tensor]] = []
    while not blocks or f"representation.interactions.{len(blocks)}.in2f.weight" in reader.left:
        blocks.append(_interaction(reader, len(blocks), n_features))
    first, *others = blocks
    is_shared = bool(others) and all(torch.equal(first[name], block[name]) for block in others for name in first)
    for number, block in enumerate(blocks[:1] if is_shared else blocks):
        reader.ours.update({f"schnet.blocks.{number}.{name}": value for name, value in block.items()})
    return ModelSettings(n_features, len(blocks), len(offsets), shared_interactions=is_shared)


def _interaction(reader: StateReader, number: int, n_features: int) -> dict[str, Tensor]:
    """One block by our names; shared blocks stand in a state dict as often as they are used."""
    place, inside = f"representation.interactions.{number}", f"block{number}"
    into = reader.move(f"{place}.in2f.weight", f"{inside}.into_filters.weight")
    reader.dense(f"{place}.filter_network", f"{inside}.filter_net")
    reader.dense(f"{place}.f2out", f"{inside}.out_of_filters")
    if into.shape != (n_features, n_features):
        raise ModelError(
            f"{place}.in2f.weight: {into.shape[0]} filters beside {n_features} features; only as many filters as "
            "features are supported"
        )
    names = [name for name in reader.ours if name.startswith(f"{inside}.")]
    return {name.removeprefix(f"{inside}."): reader.ours.pop(name) for name in names}


def _conditions(reader: StateReader, vocabulary: Vocabulary) -> tuple[tuple[Condition, ...], Mixing | None]:
    """Embeddings of the conditions in their order, and what mixes them."""
    place = "conditioning_module.condition_embeddings"
    conditions: list[Condition] = []
    while any(name.startswith(f"{place}.{len(conditions)}.") for name in reader.left):
        number = len(conditions)
        old, ours = f"{place}.{number}", f"conditions.embeddings.{number}"
        if f"{old}.type_embedding.weight" in reader.left:
            conditions.append(_composition(reader, old, ours, vocabulary))
        elif f"{old}.gaussian_expansion.offsets" in reader.left:
            conditions.append(_scalar(reader, old, ours))
        else:
            conditions.append(_vector(reader, old, ours))
    if not conditions:
        return (), None
    widths = reader.dense("conditioning_module.dense_net", "conditions.mix")
    return tuple(conditions), Mixing(len(widths) - 1, _same(widths, "conditioning_module.dense_net"))


def _scalar(reader: StateReader, old: str, ours: str, name: str = "") -> ScalarCondition:
    offsets = reader.gaussians(f"{old}.gaussian_expansion")
    widths = reader.dense(f"{old}.dense_net", f"{ours}.dense")
    return ScalarCondition(
        name=name,
        minimum=_rounded(offsets[0]),
        maximum=_rounded(offsets[-1]),
        spacing=_rounded((offsets[-1] - offsets[0]) / (len(offsets) - 1)),
        layers=len(widths) - 1,
        width=_same(widths, f"{old}.dense_net"),
    )


def _vector(reader: StateReader, old: str, ours: str) -> VectorCondition:
    size, *hidden, width = reader.dense(f"{old}.dense_net", f"{ours}.dense")
    condition = VectorCondition(name="", size=size, layers=len(hidden) + 1, width=width)
    if hidden == list(condition.hidden_widths):
        return condition
    return replace(condition, hidden=_same([size, *hidden], f"{old}.dense_net"))


def _composition(reader: StateReader, old: str, ours: str, vocabulary: Vocabulary) -> CompositionCondition:
    types = tuple(reader.take(f"{old}.atom_types").tolist())
    if types != vocabulary.atom_types:
        raise ModelError(
            f"{old}.atom_types: counts {list(types)}, but the model places {list(vocabulary.atom_types)}; only models "
            "in which the two agree can be converted"
        )
    mask = reader.left.pop(f"{old}.type_mask", torch.ones(len(types), dtype=torch.bool)).tolist()
    counted = [z for z, is_counted in zip(types, mask, strict=True) if is_counted]
    if counted not in (list(types), [z for z in types if z != HYDROGEN]):
        raise ModelError(f"{old}.type_mask: leaves out other types than hydrogen, which is not supported")
    type_features = reader.embedding(f"{old}.type_embedding", f"{ours}.types", counted)
    widths = reader.dense(f"{old}.dense_net", f"{ours}.dense")
    return CompositionCondition(
        atom_types=types,
        skip_hydrogen=len(counted) < len(types),
        type_features=type_features,
        layers=len(widths) - 1,
        width=_same(widths, f"{old}.dense_net"),
        count=_scalar(reader, f"{old}.n_atoms_embedding_net", f"{ours}.count", "n_atoms"),
    )


def _bins(reader: StateReader, n_outputs: int) -> DistanceBins:
    minimum, maximum = float(reader.take("distance_min")), _rounded(reader.take("distance_max"))
    if minimum != 0.0:
        raise ModelError(f"distance_min: bins from {minimum:g} Å are not supported; here they begin at 0")
    number = reader.number("n_distance_bins")
    if number != n_outputs:
        raise ModelError(f"n_distance_bins: {number}, but the distance network has {n_outputs} outputs")
    return DistanceBins(maximum, number)


def _check_unit(reader: StateReader) -> None:
    """Lengths in Å; a model that was never trained says nothing."""
    codes = reader.left.pop("distance_unit", torch.tensor([0])).tolist()
    unit = "".join(map(chr, codes)).strip("\0")
    if unit and unit.lower() not in ("ang", "angstrom", "å"):
        raise ModelError(f"distance_unit: was trained with lengths in {unit}; only models in Å can be converted")


def _width(widths: Sequence[int]) -> int | tuple[int, ...]:
    """Width of hidden layers, or widths if they differ; that of the output where nothing is hidden."""
    hidden = tuple(widths[1:-1]) or (widths[-1],)
    return hidden[0] if len(set(hidden)) == 1 else hidden


def _same(widths: Sequence[int], name: str) -> int:
    """The one width of all layers after the input."""
    if len(set(widths[1:])) != 1:
        raise ModelError(f"{name}: layers of {list(widths[1:])}; here all layers of a condition are equally wide")
    return widths[-1]


def _rounded(value: Tensor) -> float:
    """A setting that went through float32."""
    return float(f"{float(value):.6g}")
