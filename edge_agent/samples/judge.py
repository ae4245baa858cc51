"""The judge: which rows of a call are worth a person's time.

* ``uncertain``: the score of the predicted class is lower than in all but a fiftieth of the
  reference's rows of that class, so that about that share is kept of any model, sure or not;
* ``drifted``: a number lies outside of what the reference held, a category is none of its
  categories, or something is missing that never was;
* ``disagreeing``: a candidate in the shadow gave another class, or a number that is further away
  than the reference's predictions vary (:meth:`SampleJudge.disagree`).

A few rows are kept by chance besides (``random``): how good a model is can only be measured by rows
that were not chosen for what they are.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from edge_contract.package import PREDICTION, Manifest, Reference, Task, feature_subject
from edge_contract.stats import Categories, Moments, Probabilities, Sketch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.adapters.outputs import Decoded

__all__ = ["SampleJudge"]

_UNCERTAIN: Final = 0.02


class SampleJudge:
    """Judges rows of one package.

    Args:
        manifest: Of the package.
        reference: Of the package.
    """

    def __init__(self, manifest: Manifest, reference: Reference) -> None:
        self._is_classifier = manifest.task in (Task.BINARY, Task.MULTICLASS)
        count = len(manifest.features)
        self._lows = np.full(count, -np.inf, np.float32)
        self._highs = np.full(count, np.inf, np.float32)
        self._may_miss = np.ones(count, np.bool_)
        self._cuts = np.full(max(len(manifest.classes), 1), -np.inf, np.float32)
        self._far = np.inf
        places = {feature_subject(f.name): i for i, f in enumerate(manifest.features)}
        for index, column in enumerate(reference.profile.spec.columns):
            statistic = reference.profile[index]
            place = places.get(column.subject)
            match statistic:
                case Sketch() if place is not None and statistic.finite:
                    self._bound(place, *_range(statistic), may_miss=statistic.missing > 0)
                case Categories() if place is not None and statistic.count:
                    size = float(statistic.spec.size - 1)
                    self._bound(place, 0.0, size, may_miss=statistic.missing > 0)
                case Probabilities() if column.subject == PREDICTION:
                    self._cut(statistic)
                case Moments() if column.subject == PREDICTION and statistic.count > 1:
                    self._far = float(np.sqrt(statistic.variance))

    def uncertain(
        self, classes: "NDArray[np.float32]", scores: "NDArray[np.float32]"
    ) -> "NDArray[np.bool_]":
        """Return which rows of a call the model was less sure of than it usually is."""
        known = np.isfinite(classes) & (classes >= 0) & (classes < len(self._cuts))
        places = np.where(known, classes, 0).astype(np.intp)
        with np.errstate(invalid="ignore"):
            found: NDArray[np.bool_] = known & (scores < self._cuts[places])
        return found

    def drifted(self, observed: "NDArray[np.float32]") -> "NDArray[np.bool_]":
        """Return which rows hold what the reference never held.

        Args:
            observed: ``float32[rows, features]``, categories by their codes.
        """
        missing = np.isnan(observed)
        with np.errstate(invalid="ignore"):
            odd = (observed < self._lows) | (observed > self._highs) | (missing & ~self._may_miss)
        found: NDArray[np.bool_] = np.any(odd, axis=1)
        return found

    def disagree(self, one: "Decoded", other: "Decoded") -> "NDArray[np.bool_]":
        """Return in which rows of a call two versions gave answers that people would tell apart."""
        found: NDArray[np.bool_]
        if self._is_classifier:
            found = np.not_equal(one.classes, other.classes)
            return found
        with np.errstate(invalid="ignore"):
            found = np.abs(one.scores - other.scores) > self._far
        return found

    def _bound(self, place: int, low: float, high: float, *, may_miss: bool) -> None:
        self._lows[place], self._highs[place] = low, high
        self._may_miss[place] = may_miss

    def _cut(self, seen: Probabilities) -> None:
        for predicted, bins in seen.counts.items():
            left = _UNCERTAIN * sum(bins.values())
            for index in sorted(bins):
                left -= bins[index]
                if left < 0:
                    self._cuts[predicted] = seen.spec.edges_of(predicted, index)[0]
                    break


def _range(seen: Sketch) -> tuple[float, float]:
    """Return the outer edges of the outermost buckets, and infinities where these came as well."""
    edges = [edge for code in seen.counts for edge in seen.spec.edges_of(code)]
    edges += [0.0] if seen.zero else []
    low = -np.inf if seen.negative_infinity else min(edges)
    high = np.inf if seen.positive_infinity else max(edges)
    return low, high
