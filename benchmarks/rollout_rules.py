"""Rules that tools without sequential tests use, asked about the same canaries at the same looks.

Each looks at the labelled rows of canary and control, every two minutes, as an analysis of Argo
Rollouts or Kayenta would with accuracy as its metric.
"""

import math
from collections import Counter
from statistics import NormalDist
from typing import Final, NamedTuple

__all__ = ["RULES", "FixedRules", "Sample"]

_MARGIN: Final = 0.03
_LEVEL: Final = 0.05

RULES: Final = (
    "last 2 minutes below the control by more than 0.03, first failure",
    "the same, fourth failure (failureLimit 3)",
    "all rows so far below the control by more than 0.03",
    "z-test of all rows so far, p < 0.05 at any look",
)


class Sample(NamedTuple):
    """Labelled rows and right ones."""

    rows: int
    right: int

    @property
    def rate(self) -> float:
        """Accuracy."""
        return self.right / self.rows


class FixedRules:
    """Remembers when each rule would have rolled back."""

    def __init__(self) -> None:
        self.fired_s: dict[str, float] = {}
        self._failures: Counter[str] = Counter()

    def look(self, at_s: float, last: tuple[Sample, Sample], so_far: tuple[Sample, Sample]) -> None:
        """Ask every rule.

        Args:
            at_s: When.
            last: Canary and control over the last interval.
            so_far: The same since the stage began.
        """
        first, fourth, all_rows, z_test = RULES
        if min(one.rows for one in last) and last[0].rate < last[1].rate - _MARGIN:
            self._failures[first] += 1
            self._fire(first, at_s)
            if self._failures[first] > 3:
                self._fire(fourth, at_s)
        canary, control = so_far
        if min(canary.rows, control.rows):
            if canary.rate < control.rate - _MARGIN:
                self._fire(all_rows, at_s)
            if _p_value(canary, control) < _LEVEL:
                self._fire(z_test, at_s)

    def _fire(self, rule: str, at_s: float) -> None:
        self.fired_s.setdefault(rule, at_s)


def _p_value(canary: Sample, control: Sample) -> float:
    """Return how surprising it is that the canary is right so much less often, one-sided."""
    rows = canary.rows + control.rows
    pooled = (canary.right + control.right) / rows
    error = math.sqrt(pooled * (1 - pooled) * (1 / canary.rows + 1 / control.rows))
    return 1.0 if error == 0.0 else NormalDist().cdf((canary.rate - control.rate) / error)
