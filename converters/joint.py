"""Chooses the pairs of features whose joint movement is watched: the strongest ones."""

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.standard import Standard, standard_of, standardised
from edge_contract.errors import UsageError
from edge_contract.package import Feature
from edge_contract.stats import JointSpec
from edge_contract.stats.joint import MAX_PAIRS

__all__ = ["DEFAULT_PAIRS", "joint_for"]

DEFAULT_PAIRS: Final = 16
"""So many pairs cost a device some ten nanoseconds a row, and a window some hundred bytes."""

_MAX_ROWS: Final = 20_000


def joint_for(
    features: Sequence[Feature], rows: NDArray[np.float32], *, pairs: int
) -> JointSpec | None:
    """Return which pairs of numeric features to watch; ``None`` if there are none.

    All pairs are taken if they are few enough, else those with the largest correlation in the
    reference, whichever its sign: pairs that have always gone together tell most when they part.

    Args:
        features: Of the model.
        rows: Observed rows; a feature's number stands at its place.
        pairs: At most so many; 0 watches none.

    Raises:
        UsageError: ``pairs`` is negative or too large.
    """
    if not 0 <= pairs <= MAX_PAIRS:
        raise UsageError(f"joint must be from 0 to {MAX_PAIRS} pairs, got {pairs}")
    found = {
        index: standard
        for index, feature in enumerate(features)
        if not feature.is_category and (standard := standard_of(rows[:, index])) is not None
    }
    chosen = _strongest(found, rows, pairs) if len(found) > 1 and pairs else []
    if not chosen:
        return None
    used = sorted({index for pair in chosen for index in pair})
    places = {index: place for place, index in enumerate(used)}
    return JointSpec(
        tuple(features[index].name for index in used),
        tuple(found[index].center for index in used),
        tuple(found[index].scale for index in used),
        tuple(sorted((places[a], places[b]) for a, b in chosen)),
    )


def _strongest(
    found: dict[int, Standard], rows: NDArray[np.float32], pairs: int
) -> list[tuple[int, int]]:
    if len(found) * (len(found) - 1) // 2 <= pairs:
        return list(combinations(found, 2))
    some = rows[:: max(1, len(rows) // _MAX_ROWS)]
    table = np.stack([standardised(some[:, index], found[index]) for index in found])
    with np.errstate(invalid="ignore", divide="ignore"):  # a column may be constant in these rows
        strength = np.nan_to_num(np.abs(np.corrcoef(table)))
    first, second = np.triu_indices(len(found), k=1)
    best = np.argsort(-strength[first, second], kind="stable")[:pairs]
    indices = list(found)
    return [(indices[first[place]], indices[second[place]]) for place in best.tolist()]
