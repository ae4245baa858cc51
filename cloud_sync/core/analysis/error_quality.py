"""Quality of a regression measured with labels, from its errors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_contract.reading import JsonObject
from edge_contract.stats import Moments, Sketch

__all__ = ["ErrorQuality", "error_quality"]

_LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class ErrorQuality:
    """Measured errors of a regression, predicted minus true, in the unit of its prediction.

    Bias and RMSE are exact, unless devices keep their moments to themselves for privacy. All else
    comes from the sketch, and is as precise as its buckets are narrow there.

    Attributes:
        rows: Labels whose error is a number.
        unknown: Labels whose error is not: the prediction was missing or infinite.
        bias: Mean error.
        mae: Mean absolute error.
        rmse: Root of the mean squared error.
        quantiles: Of the error, by level.
        absolute_quantiles: Of the absolute error, by level.
        resolution: By how much ``mae`` can be off because of the buckets, at most.
        standard_errors: Of bias, MAE and RMSE, by the chance of which rows came.
    """

    rows: int
    unknown: int
    bias: float
    mae: float
    rmse: float
    quantiles: Mapping[float, float] = field(default_factory=dict)
    absolute_quantiles: Mapping[float, float] = field(default_factory=dict)
    resolution: float = 0.0
    standard_errors: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """Return the metrics for people and programs."""
        return {
            "mae": self.mae,
            "rmse": self.rmse,
            "bias": self.bias,
            "standard_errors": dict(self.standard_errors),
            "quantiles": {f"{level:g}": value for level, value in self.quantiles.items()},
            "absolute_quantiles": {
                f"{level:g}": value for level, value in self.absolute_quantiles.items()
            },
            "mae_resolution": self.resolution,
            "rows": self.rows,
            "unknown": self.unknown,
        }


def error_quality(
    errors: Sketch, moments: Moments, *, variance_inflation: float = 1.0
) -> ErrorQuality | None:
    """Return the quality, or ``None`` if there is no finite error.

    Args:
        errors: Of predicted minus true.
        moments: Of the same.
        variance_inflation: Of the package's reference; standard errors grow by its root.
    """
    steps = errors.ordered()
    rows = errors.finite
    if not rows:
        return None
    sizes = sorted((abs(value), count) for value, count in steps)
    mae = _mean(sizes, power=1)
    bias, mean_square = _mean(steps, power=1), _mean(sizes, power=2)
    if moments.finite:
        bias, mean_square = moments.mean, moments.m2 / moments.finite + moments.mean**2
    rmse = math.sqrt(mean_square)
    part = variance_inflation / rows
    square_error = math.sqrt(max(_mean(sizes, power=4) - mean_square**2, 0.0) * part)
    return ErrorQuality(
        rows=rows,
        unknown=errors.count - errors.finite,
        bias=bias,
        mae=mae,
        rmse=rmse,
        quantiles=_quantiles(steps),
        absolute_quantiles=_quantiles(sizes),
        resolution=_resolution(errors, moments),
        standard_errors={
            "bias": math.sqrt(max(mean_square - bias**2, 0.0) * part),
            "mae": math.sqrt(max(mean_square - mae**2, 0.0) * part),
            "rmse": square_error / (2 * rmse) if rmse else 0.0,
        },
    )


def _quantiles(steps: Sequence[tuple[float, int]]) -> dict[float, float]:
    """Return the values below which that share of the counts lies; ``steps`` rise."""
    total = sum(count for _, count in steps)
    found: dict[float, float] = {}
    below = 0
    levels = list(_LEVELS)
    for value, count in steps:
        below += count
        while levels and below >= levels[0] * total:
            found[levels.pop(0)] = value
    return found


def _mean(steps: Sequence[tuple[float, int]], *, power: int) -> float:
    return sum(value**power * count for value, count in steps) / sum(count for _, count in steps)


def _resolution(errors: Sketch, moments: Moments) -> float:
    """Return the mean over all rows of how far a bucket's end is from the number it stands for."""
    off = 0.0
    for code, count in errors.counts.items():
        value = errors.spec.value_of(code)
        low, high = errors.spec.edges_of(code)
        if moments.finite:  # nothing lies beyond the extremes, wherever an outer bucket ends
            low, high = max(low, moments.low), min(high, moments.high)
        if errors.spec.integer:
            low, high = math.ceil(low), math.ceil(high) - 1
        if not errors.spec.is_open(code) or moments.finite:
            off += count * max(value - low, high - value, 0.0)
    return off / errors.finite
