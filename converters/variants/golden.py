"""Golden vectors of a variant: what it says, on which rows, and how close is close enough."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from converters.golden import golden_tensors
from converters.runtime import OnnxModel
from converters.variants.rows import row_count, taken
from edge_contract.package import GoldenVariant, Manifest, OutputRole

__all__ = ["golden_of_variant"]

_MIN_TOLERANCE: Final = 1e-5


def golden_of_variant(
    manifest: Manifest, variant: OnnxModel, feeds: Tensors, outputs: Tensors
) -> GoldenVariant:
    """Return what a variant says of the golden rows, and how far a device may be off from that.

    Args:
        manifest: Of the model.
        variant: Its variant.
        feeds: The golden rows.
        outputs: What the exact model says of them.
    """
    wanted, said = outputs, variant.run(feeds)
    absolute = {
        name: max(_largest_difference(values, said[name]), _MIN_TOLERANCE)
        for name, values in wanted.items()
        if values.dtype.kind == "f"
    }
    rows = np.flatnonzero(_is_firm(manifest, wanted, said, absolute))
    return GoldenVariant(
        rows=tuple(rows.tolist()),
        outputs=golden_tensors(taken(said, rows)),
        absolute=absolute,
    )


def _largest_difference(first: NDArray[np.generic], second: NDArray[np.generic]) -> float:
    apart = np.abs(first.astype(np.float64) - second.astype(np.float64))
    return float(apart[np.isfinite(apart)].max(initial=0.0))


def _is_firm(
    manifest: Manifest, wanted: Tensors, said: Tensors, absolute: Mapping[str, float]
) -> NDArray[np.bool_]:
    """Return which rows are answered with the exact model's codes, and not by a hair's breadth."""
    total = row_count(wanted)
    firm = np.ones(total, bool)
    for name, values in wanted.items():
        if values.dtype.kind != "f":
            firm &= (values == said[name]).reshape(total, -1).all(axis=1)
    spec = manifest.output(OutputRole.PROBABILITIES)
    if spec is None or wanted[spec.name].shape[1] < 2:
        return firm
    scores = said[spec.name].astype(np.float64)
    if manifest.threshold is not None:
        margin = 2 * np.abs(scores[:, 1] - manifest.threshold)
    else:
        best = np.sort(scores, axis=1)
        margin = best[:, -1] - best[:, -2]
    return np.asarray(firm & (margin > 2 * absolute[spec.name]))
