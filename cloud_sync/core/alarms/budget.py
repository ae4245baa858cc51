"""The one number that the operator sets: false alarms per month for the whole fleet."""

from dataclasses import dataclass
from typing import Final

from edge_contract.errors import UsageError

__all__ = ["MONTH_S", "AlarmBudget"]

MONTH_S: Final = 30 * 86_400.0

_ABRUPT: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmBudget:
    """How many false alarms a month the fleet may raise, all that is watched together.

    The arithmetic. ``per_month`` is divided among the model versions that devices serve, evenly;
    each version's part among the whole fleet (half of it, or all where there are no segments) and
    its segments (the other half, evenly); each of those among the kinds of detectors, by their
    weights; and that among the detector's subjects (features, prediction), evenly. The parts of all
    subjects add up to ``per_month`` at most, so by the union bound their false alarms do, too: no
    independence is needed, although a segment's rows are rows of the fleet as well. Of its part
    ``b``, in alarms a month, a drift detector gives nine tenths to the e-detector, one tenth to the
    test for abrupt change.

    *E-detector.* Its statistic starts anew in every instant with a weight that is the budget
    granted for that instant, ``0.9b * months passed`` (:mod:`cloud_sync.core.alarms.watch`). While
    nothing drifts, the statistic less the sum of the weights so far is a supermartingale; so by
    optional stopping the probability that the statistic has reached 1 is at most that sum, and
    alarms come ``0.9b`` times a month at most. (The idea is that of Shin, Ramdas and Rinaldo,
    "E-detectors: a nonparametric framework for sequential change detection", 2023, who give every
    restart the weight 1 and put the budget into the threshold.)

    *Abrupt change.* Every test is made at the level ``0.1b * months since the last test``: the
    expected number of false ones in a month is the sum of the levels, which is ``0.1b``
    (Bonferroni; no independence is needed).

    *Dividing anew.* Versions and segments come and go. What is granted for a span of time is fixed
    when that time has passed, and nothing granted earlier is ever weighted anew; so the parts may
    change at any time, by any rule that looks at the past alone, as long as they add up to
    ``per_month`` at every instant. A segment that comes makes all others slower from then on, one
    that goes gives its part back from then on.

    How often and in how large portions statistics arrive does not matter. What the sum rests on:
    rows that depend on each other no more than the package's variance inflation says, and a
    reference that represents what the model was made for to within the tolerance of
    :mod:`cloud_sync.core.alarms.bets`.

    Attributes:
        per_month: False alarms in 30 days.
        watched: Model versions that share them.
        share: The part of a version's budget that one detector has, 0 to 1.
    """

    per_month: float = 1.0
    watched: int = 1
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.per_month <= 1e6:
            raise UsageError(
                f"false alarms per month must be above 0 and at most 1e6, got {self.per_month}"
            )
        if self.watched < 1:
            raise UsageError(f"at least one version must be watched, got {self.watched}")
        if not 0.0 < self.share <= 1.0:
            raise UsageError(f"a share must be above 0 and at most 1, got {self.share}")

    @property
    def granted_per_month(self) -> float:
        """False alarms a month of one detector, all its subjects together."""
        return self.per_month * self.share / self.watched

    def gradual(self, subjects: int) -> float:
        """Return the e-detector's false alarms a month on one of its detector's subjects."""
        return (1.0 - _ABRUPT) * self.granted_per_month / max(subjects, 1)

    def abrupt(self, subjects: int) -> float:
        """Return the same of the test for abrupt change."""
        return _ABRUPT * self.granted_per_month / max(subjects, 1)
