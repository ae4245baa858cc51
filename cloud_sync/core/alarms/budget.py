"""The one number that the operator sets: false alarms per month for the whole fleet."""

from dataclasses import dataclass
from typing import Final

from edge_contract.errors import UsageError

__all__ = ["MONTH_S", "AlarmBudget"]

MONTH_S: Final = 30 * 86_400.0

_ABRUPT: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmBudget:
    """How many false alarms a month the fleet may raise, all model versions together.

    The arithmetic. Every watched model version gets the same part of the budget, and each of its
    subjects (features, prediction) the same part of that, ``b`` alarms a month. Nine tenths of it
    go to the e-detector, one tenth to the test for abrupt change.

    *E-detector.* Its statistic starts anew in every instant with a weight that is the time passed,
    in months (:mod:`cloud_sync.core.alarms.watch`). While nothing drifts its mean is at most the
    months passed, so by optional stopping the mean time until it reaches ``1 / 0.9b`` is at least
    ``1 / 0.9b`` months (Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for
    sequential change detection", 2023), and alarms come ``0.9b`` times a month at most.

    *Abrupt change.* Every test is made at the level ``0.1b * months since the last test``: the
    expected number of false ones in a month is the sum of the levels, which is ``0.1b``
    (Bonferroni; no independence is needed).

    The expectations add up over subjects and versions to ``per_month``. How often and in how large
    portions statistics arrive does not matter. What the sum rests on: rows that depend on each
    other no more than the package's variance inflation says, and a reference that represents what
    the model was made for to within the tolerance of :mod:`cloud_sync.core.alarms.bets`.

    Attributes:
        per_month: False alarms in 30 days.
        watched: Model versions that share them.
    """

    per_month: float = 1.0
    watched: int = 1

    def __post_init__(self) -> None:
        if not 0.0 < self.per_month <= 1e6:
            raise UsageError(
                f"false alarms per month must be above 0 and at most 1e6, got {self.per_month}"
            )
        if self.watched < 1:
            raise UsageError(f"at least one version must be watched, got {self.watched}")

    def gradual(self, subjects: int) -> float:
        """Return the e-detector's false alarms a month on one of a version's subjects."""
        return (1.0 - _ABRUPT) * self.per_month / (self.watched * max(subjects, 1))

    def abrupt(self, subjects: int) -> float:
        """Return the same of the test for abrupt change."""
        return _ABRUPT * self.per_month / (self.watched * max(subjects, 1))
