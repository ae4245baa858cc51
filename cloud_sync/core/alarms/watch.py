"""The watch over one subject: its bets, and its test for abrupt change.

The bets are those of a :class:`Ground`, the reference or one stratum of it; the wealth is one,
whatever the ground. The statistic is what all bets hold together; it alarms at 1, because restarts
are weighted by the budget that is granted for their time (:mod:`cloud_sync.core.alarms.budget`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

from cloud_sync.core.alarms.bets import Bets, bets_of, normal_scores, tolerance_se
from cloud_sync.core.alarms.describe import describe
from cloud_sync.core.alarms.wealth import NOTHING, Wealth, log_sum
from cloud_sync.core.analysis.bins import View, views_of
from cloud_sync.core.analysis.distances import ks, psi
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import Statistic

__all__ = ["Ground", "Reading", "Watch", "ground_of"]

_FEWEST_ROWS: Final = 20
_REMEMBERED_ROWS: Final = 4096


@dataclass(frozen=True, slots=True)
class Ground:
    """What a subject is compared with.

    Attributes:
        views: The reference's, from one or two sides.
        bets: On each view.
        scores: Of the first view, normal scores by cell with mean 0 and variance 1 over the
            reference; cells without an order have 0.
    """

    views: tuple[View, ...]
    bets: tuple[Bets, ...]
    scores: tuple[float, ...]


def ground_of(reference: Statistic) -> Ground:
    """Return the ground of a reference's statistic; making it takes about a millisecond."""
    views = views_of(reference)
    bets = tuple(bets_of(view, share=1.0 / len(views)) for view in views)
    return Ground(views, bets, _standard_scores(views[0]) if views else ())


@dataclass(frozen=True, slots=True)
class Reading:
    """What one portion of rows said.

    Attributes:
        rows: Rows in it.
        abrupt: KS distance beyond the tolerance, over the largest that chance explains; 1 or more
            is an alarm, 0 if it was too small to tell.
        scored: Rows that have a normal score: present ones.
        score: Mean of their scores.
    """

    rows: int = 0
    abrupt: float = 0.0
    scored: int = 0
    score: float = 0.0


class Watch:
    """The e-detector of one subject, and what it saw lately.

    Args:
        ground: What the subject is compared with at first.
        inflation: Tau: logarithms of factors are divided by it, which keeps their mean at most 1
            (Jensen) and allows for rows that repeat each other.
    """

    __slots__ = ("_ground", "_lately", "_live", "_wealth", "inflation")

    def __init__(self, ground: Ground, *, inflation: float) -> None:
        self._ground = ground
        self.inflation = inflation
        self._live: Statistic | None = None
        self.forget()

    def observe(
        self,
        live: Statistic,
        *,
        granted: float,
        level: float,
        ground: Ground | None = None,
        caution: float = 1.0,
    ) -> Reading:
        """Take in rows that were never taken in before.

        Args:
            live: Their counts.
            granted: False alarms allowed for the time since the last portion; what the detector
                starts anew with.
            level: Probability of a false alarm that the test for abrupt change may use.
            ground: What these rows are compared with; by default, what the last ones were.
            caution: A tau for these rows alone, if that is larger.
        """
        if ground is not None and ground is not self._ground:
            self._ground = ground
            self._lately = [[0] * len(view.reference) for view in ground.views]
        rows, abrupt = 0, 0.0
        scored, score = 0, 0.0
        log_granted = math.log(granted) if granted > 0 else NOTHING
        tau = max(self.inflation, caution)
        for index, (view, bets) in enumerate(
            zip(self._ground.views, self._ground.bets, strict=True)
        ):
            counts = view.counts_of(live)
            seen = sum(counts)
            rows = max(rows, seen)
            if not seen:
                continue
            self._wealth[index].grow(counts, bets, log_granted=log_granted, inflation=tau)
            self._remember(index, counts)
            test = level / len(self._ground.views)
            if not view.one_sided:
                abrupt = max(abrupt, _abrupt(counts, view.reference, level=test, tau=tau))
            if not index:
                scored = sum(counts[: view.ordered])
                score = sum(map(mul, counts, self._ground.scores)) / max(scored, 1)
        if rows:
            self._live = live
        return Reading(rows, abrupt, scored, score)

    def statistic(self) -> float:
        """Return the logarithm of what all bets hold; 0 and more alarms."""
        return log_sum(log for wealth in self._wealth for log in wealth.logs())

    def description(self) -> tuple[str, str]:
        """Return the name of the test that found most, and what it found, for people."""
        best, found = NOTHING, ("e-detector", "")
        for index, view in enumerate(self._ground.views):
            held = self._wealth[index].by_purpose(self._ground.bets[index])
            for (about, cells), log in held.items():
                if log > best and self._live is not None:
                    best = log
                    counts = self._lately[index]
                    found = describe(view, counts, about, cells, live=self._live)
        return found

    def distances(self) -> tuple[float, float, int]:
        """Return KS, PSI and the number of rows of what was seen lately, for people."""
        pairs = list(zip(self._lately, self._ground.views, strict=True))
        return (
            max((ks(cells, view.reference) for cells, view in pairs), default=0.0),
            max((psi(cells, view.reference) for cells, view in pairs), default=0.0),
            max((sum(cells) for cells in self._lately), default=0),
        )

    def forget(self) -> None:
        """Start as if nothing had been seen."""
        self.start_anew()
        self._lately = [[0] * len(view.reference) for view in self._ground.views]

    def start_anew(self) -> None:
        """Forget the evidence, but not what was seen lately."""
        self._wealth = [
            Wealth(tilts=len(bets.tilts), rates=len(bets.rates)) for bets in self._ground.bets
        ]

    def to_state(self) -> JsonObject:
        """Return the wealth and what was seen lately."""
        return {
            "inflation": self.inflation,
            "wealth": [wealth.to_state() for wealth in self._wealth],
            "lately": [list(cells) for cells in self._lately],
        }

    def restore(self, state: Reader) -> None:
        """Take over :meth:`to_state`.

        A state of another shape, as an older release or another reference may have left one, is
        not taken over: the watch begins anew, which can delay an alarm but not raise a false one.
        """
        places = state["wealth"].items()
        if len(places) != len(self._wealth):
            return
        wealth = [own.restored(kept) for own, kept in zip(self._wealth, places, strict=True)]
        known = [each for each in wealth if each is not None]
        if len(known) != len(self._wealth):
            return
        self._wealth = known
        self.inflation = max(self.inflation, state["inflation"].number(low=1.0))
        lately = [view.integers() for view in state["lately"].items()]
        if list(map(len, lately)) == list(map(len, self._lately)):
            self._lately = lately

    def _remember(self, index: int, counts: Sequence[int]) -> None:
        cells = [a + b for a, b in zip(self._lately[index], counts, strict=True)]
        if sum(cells) > 2 * _REMEMBERED_ROWS:
            cells = [count // 2 for count in cells]
        self._lately[index] = cells


def _abrupt(counts: Sequence[int], reference: Sequence[int], *, level: float, tau: float) -> float:
    """Compare with the bound of Dvoretzky, Kiefer and Wolfowitz, with Massart's constant.

    The tolerance is the bound's own at the probability that a normal variable exceeds 4 on either
    side, widened as :mod:`cloud_sync.core.alarms.bets` widens it.
    """
    rows, known = sum(counts), sum(reference)
    if rows < _FEWEST_ROWS or not known or not level > 0:
        return 0.0
    tail = math.erfc(4.0 / math.sqrt(2.0))
    tolerance = tolerance_se(known) / 4.0 * math.sqrt(math.log(2 / tail) / (2 * known))
    bound = math.sqrt(tau * math.log(2 / min(level, 1.0)) / (2 * rows))
    return max(ks(counts, reference) - tolerance, 0.0) / bound


def _standard_scores(view: View) -> tuple[float, ...]:
    live = [index < view.ordered for index in range(len(view.reference))]
    scores = normal_scores(view.reference, live)
    rows = sum(view.reference[: view.ordered])
    if not rows:
        return (0.0,) * len(scores)
    mean = sum(map(mul, view.reference, scores)) / rows
    variance = sum(
        count * (score - mean) ** 2
        for count, score in zip(view.reference[: view.ordered], scores, strict=False)
    )
    deviation = math.sqrt(variance / rows)
    if not deviation > 0:
        return (0.0,) * len(scores)
    return tuple(
        (score - mean) / deviation if alive else 0.0
        for score, alive in zip(scores, live, strict=True)
    )
