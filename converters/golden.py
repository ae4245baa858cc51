"""Picks golden vectors: rows that a device runs before it trusts the model."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from converters.differences import RELATIVE_TOLERANCE, alike
from converters.moved import moved_by_chance
from converters.observed import predicted
from converters.runtime import OnnxModel
from edge_contract.package import Golden, GoldenTensor, Manifest
from edge_contract.reading import JsonValue

__all__ = ["golden_rows", "golden_tensors", "golden_vectors"]

_MAX_ROWS: Final = 16
_MAX_VALUES: Final = 200_000
_CANDIDATES: Final = 64
_DRAWS: Final = 8
_LITTLE: Final = {"float32": 2.0**-23, "float64": 2.0**-40}
"""How much numbers are moved: as far as another order of the same sums may move what follows."""


def golden_vectors(model: OnnxModel, feeds: Tensors, places: NDArray[np.int64]) -> Golden:
    """Return the golden rows, which are at some places, and what the ONNX model says of them."""
    inputs = _at(feeds, places)
    return Golden(inputs=golden_tensors(inputs), outputs=golden_tensors(model.run(inputs)))


def golden_rows(
    manifest: Manifest,
    model: OnnxModel,
    feeds: Tensors,
    outputs: Tensors,
    *,
    has_jumps: bool = False,
) -> NDArray[np.int64]:
    """Return the places of up to 16 rows with predictions unlike each other.

    Fewer if rows are large: all inputs together hold at most 200,000 values, but one row at least.

    Args:
        manifest: Of the model.
        model: The model.
        feeds: What goes into it.
        outputs: What comes out of it.
        has_jumps: Whether last bits may decide an answer: then rows are taken, if there are any,
            of which every machine must say the same.
    """
    chosen = _unlike(manifest, feeds, outputs, at_most=_CANDIDATES if has_jumps else _MAX_ROWS)
    if has_jumps:
        steady = chosen[_is_steady(model, _at(feeds, chosen))]
        chosen = steady if len(steady) else chosen
        some = _at(feeds, chosen), _at(outputs, chosen)
        chosen = chosen[_unlike(manifest, *some, at_most=_MAX_ROWS)]
    return chosen


def _unlike(
    manifest: Manifest, feeds: Tensors, outputs: Tensors, *, at_most: int
) -> NDArray[np.int64]:
    total = len(next(iter(feeds.values())))
    width = sum(values[:1].size for values in feeds.values())
    wanted = max(min(at_most, total, _MAX_VALUES // max(width, 1)), 1)
    return _diverse(*predicted(manifest, outputs, total), wanted=wanted)


def _is_steady(model: OnnxModel, feeds: Tensors) -> NDArray[np.bool_]:
    """Return which rows get the same answer if their numbers are a little larger or smaller."""
    said = model.run(feeds)
    steady: NDArray[np.bool_] = np.ones(len(next(iter(said.values()))), dtype=bool)
    random = np.random.default_rng(0)
    for _ in range(_DRAWS):
        moved = {name: _moved(values, random) for name, values in feeds.items()}
        steady &= alike(said, model.run(moved), tolerance=RELATIVE_TOLERANCE)
    return steady


def _moved(values: NDArray[np.generic], random: np.random.Generator) -> NDArray[np.generic]:
    share = _LITTLE.get(values.dtype.name)
    if share is None:
        return values
    return moved_by_chance(values.astype(np.float64), share, random).astype(values.dtype)


def _at(tensors: Tensors, places: NDArray[np.int64]) -> Tensors:
    return {name: values[places] for name, values in tensors.items()}


def golden_tensors(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, GoldenTensor]:
    """Return arrays in the form in which packages hold them."""
    return {name: _tensor(array) for name, array in arrays.items()}


def _diverse(
    classes: NDArray[np.float32], scores: NDArray[np.float32], *, wanted: int
) -> NDArray[np.int64]:
    """Return indices of rows: as many of each class, from its lowest score to its highest."""
    order = np.lexsort((scores, classes))
    ordered = np.nan_to_num(classes[order], nan=-1.0)
    groups = np.split(order, np.flatnonzero(np.diff(ordered)) + 1)
    share = max(wanted // len(groups), 1)
    picked = [_spread(groups[i], share) for i in _spread(np.arange(len(groups)), wanted)]
    chosen = np.unique(np.concatenate(picked))
    rest = np.setdiff1d(order, chosen, assume_unique=True)
    return np.sort(np.concatenate([chosen, _spread(rest, wanted - len(chosen))]))


def _spread(items: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """Return some of the items, evenly spread, both ends included."""
    places = np.linspace(0, len(items) - 1, min(wanted, len(items))).astype(np.int64)
    return items[np.unique(places)]


def _tensor(array: NDArray[np.generic]) -> GoldenTensor:
    is_text = array.dtype.kind in "OU"
    return GoldenTensor(
        "string" if is_text else array.dtype.name,
        array.shape,
        tuple(_json(value) for value in array.ravel().tolist()),
    )


def _json(value: bool | int | float | str) -> JsonValue:  # noqa: FBT001
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
