"""Errors of a regression without labels, from where they were large when the package was made.

In the spirit of direct loss estimation (DLE, as NannyML describes it). The package holds what each
watched subject adds to the expected error (:mod:`edge_contract.package.error_model`); live
histograms say how often each value comes up now, and that is all that a mean needs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_contract.package.error_model import ErrorModel, ErrorTerm
from edge_contract.package.reference import PREDICTION
from edge_contract.reading import JsonObject
from edge_contract.stats import Categories, CategoriesSpec, Profile, Sketch, SketchSpec

__all__ = ["ERROR_NOTE", "ErrorEstimate", "error_estimate"]

ERROR_NOTE: Final = (
    "estimated from which inputs and predictions had large errors when the model was made, without "
    "labels: it cannot see that what is true has changed (concept drift), nor errors that depend "
    "on several inputs together"
)

_PRIOR_ROWS: Final = 10.0
"""So many labelled rows lean on a step from the steps beside it."""


@dataclass(frozen=True, slots=True)
class ErrorEstimate:
    """Estimated errors of a regression on the rows of some windows, in the unit of its prediction.

    Attributes:
        rows: Predictions it rests on.
        mae: Mean absolute error.
        rmse: Root of the mean squared error.
        chance_error: Standard error of ``mae`` by the chance of the live rows, at most, times the
            root of the reference's variance inflation.
        calibration_error: The same by the chance of the labelled rows behind it; no number of live
            rows makes it smaller.
        explained: Share of the variance of absolute errors that is explained; near 0 the estimate
            says little more than that errors are as they were.
        standard_errors: Of both metrics, both kinds together.
    """

    rows: int
    mae: float
    rmse: float
    chance_error: float
    calibration_error: float
    explained: float
    standard_errors: Mapping[str, float] = field(default_factory=dict)

    @property
    def standard_error(self) -> float:
        """Of the mean absolute error, both kinds together."""
        return math.hypot(self.chance_error, self.calibration_error)

    def to_json(self) -> JsonObject:
        """Return the metrics for people and programs, with what they cannot say."""
        return {
            "mae": self.mae,
            "rmse": self.rmse,
            "standard_error": self.standard_error,
            "standard_errors": dict(self.standard_errors),
            "explained": self.explained,
            "rows": self.rows,
            "calibrated": True,
            "note": ERROR_NOTE,
        }


def error_estimate(
    errors: ErrorModel, live: Profile, *, variance_inflation: float = 1.0
) -> ErrorEstimate | None:
    """Return the estimated errors, or ``None`` without rows.

    A subject that the rows do not have adds what it added in the reference.

    Args:
        errors: Of the package.
        live: Of the primary role; of the shadow role, which has no features, only the term of the
            prediction is used.
        variance_inflation: Of the package's reference.
    """
    predictions = live.find(PREDICTION, SketchSpec.kind)
    if not isinstance(predictions, Sketch) or not predictions.count:
        return None
    rows = predictions.count
    shares = [_shares(term, live) for term in errors.terms]
    means: list[float] = []
    chances: list[float] = []
    fixed: list[float] = []
    for base, variance, tables in (
        (errors.absolute, errors.absolute_variance, [term.absolute for term in errors.terms]),
        (errors.squared, errors.squared_variance, [term.squared for term in errors.terms]),
    ):
        added = [_mean(table, share) for table, share in zip(tables, shares, strict=True)]
        spread = sum(_deviation(table, share) for table, share in zip(tables, shares, strict=True))
        means.append(max(base + sum(added), 0.0))
        chances.append(spread * math.sqrt(variance_inflation / rows))
        fixed.append(math.sqrt(variance * _weight(errors, shares)))
    rmse = max(math.sqrt(means[1]), means[0])
    return ErrorEstimate(
        rows=rows,
        mae=means[0],
        rmse=rmse,
        chance_error=chances[0],
        calibration_error=fixed[0],
        explained=errors.explained,
        standard_errors={
            "mae": math.hypot(chances[0], fixed[0]),
            "rmse": math.hypot(chances[1], fixed[1]) / (2 * rmse) if rmse else 0.0,
        },
    )


def _shares(term: ErrorTerm, live: Profile) -> list[float]:
    """Return which part of the live rows is in each place; of no rows, of the reference's."""
    counts = [0] * len(term.rows)
    kind = CategoriesSpec.kind if term.is_category else SketchSpec.kind
    match live.find(term.subject, kind):
        case Categories() as found:
            counts[0] += found.missing
            counts[-1] += found.other
            for code, count in found.counts.items():
                counts[term.place_of_category(code)] += count
        case Sketch() as found:
            counts[0] += found.missing
            counts[1] += found.negative_infinity
            counts[-1] += found.positive_infinity
            counts[term.place_of(0.0)] += found.zero
            for code, count in found.counts.items():
                counts[term.place_of(found.spec.value_of(code))] += count
    if not any(counts):
        counts = list(term.rows)
    total = max(sum(counts), 1)
    return [count / total for count in counts]


def _weight(errors: ErrorModel, shares: Sequence[Sequence[float]]) -> float:
    """Return what the variance of one labelled row's error is multiplied by in an estimate's.

    Where live rows lie as the reference's did it is one over their number; each step adds by how
    much more often it comes up now, as if the subjects did not depend on each other.
    """
    total = 1.0 / errors.rows
    for term, share in zip(errors.terms, shares, strict=True):
        known = max(sum(term.rows), 1)
        total += sum(
            (part - rows / known) ** 2 / (rows + _PRIOR_ROWS)
            for part, rows in zip(share, term.rows, strict=True)
        )
    return total


def _mean(table: Sequence[float], share: Sequence[float]) -> float:
    return sum(effect * part for effect, part in zip(table, share, strict=True))


def _deviation(table: Sequence[float], share: Sequence[float]) -> float:
    squares = sum(effect * effect * part for effect, part in zip(table, share, strict=True))
    return math.sqrt(max(squares - _mean(table, share) ** 2, 0.0))
