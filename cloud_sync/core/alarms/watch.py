"""The watch over one subject: its bets, and its test for abrupt change.

Each bet holds ``M``, which a portion of rows takes to ``e * (M + granted)``: ``e`` is the product
of the bet's factors over the rows, ``granted`` the false alarms that the budget allows for the time
since the last portion. That is the detector of Shiryaev and Roberts with a restart in every instant
instead of with every window, so that it does not matter how often rows come, and with restarts
weighted by the budget of their time instead of a threshold that depends on it, so that a budget may
be divided anew at any time (:mod:`cloud_sync.core.alarms.budget`). The statistic is the mean of
``M`` over the bets, and alarms at 1; everything is kept as logarithms.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

from cloud_sync.core.alarms.bets import bets_of, tolerance_se
from cloud_sync.core.analysis.bins import views_of
from cloud_sync.core.analysis.distances import ks, psi
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import Statistic

__all__ = ["Reading", "Watch"]

_NOTHING: Final = -700.0
"""Logarithm of a stake that is as good as none; JSON has no minus infinity."""

_CAP: Final = math.log(10.0)
"""How far above the threshold a bet may rise: it must be able to fall again when drift ends."""

_FEWEST_ROWS: Final = 20
_REMEMBERED_ROWS: Final = 4096


@dataclass(frozen=True, slots=True)
class Reading:
    """What one portion of rows said.

    Attributes:
        rows: Rows in it.
        abrupt: KS distance beyond the tolerance, over the largest that chance explains; 1 or more
            is an alarm, 0 if it was too small to tell.
    """

    rows: int = 0
    abrupt: float = 0.0


class Watch:
    """The e-detector of one subject (Shiryaev-Roberts over its bets), and what it saw lately.

    Args:
        reference: The subject's reference statistic.
        inflation: Tau of the package: logarithms of factors are divided by it, which keeps their
            mean at most 1 (Jensen) and allows for rows that repeat each other.
    """

    __slots__ = ("_bets", "_inflation", "_lately", "_log_m", "_views")

    def __init__(self, reference: Statistic, *, inflation: float) -> None:
        self._views = views_of(reference)
        self._bets = [bets_of(view) for view in self._views]
        self._inflation = inflation
        self._log_m = [[_NOTHING] * len(bets) for bets in self._bets]
        self._lately = [[0] * len(view.reference) for view in self._views]

    def observe(self, live: Statistic, *, granted: float, level: float) -> Reading:
        """Take in rows that were never taken in before.

        Args:
            live: Their counts.
            granted: False alarms allowed for the time since the last portion; what the detector
                starts anew with.
            level: Probability of a false alarm that the test for abrupt change may use.
        """
        rows, abrupt = 0, 0.0
        restart = math.log(granted) if granted > 0 else _NOTHING
        bets = sum(map(len, self._bets))
        cap = math.log(max(bets, 1)) + _CAP
        for index, view in enumerate(self._views):
            counts = view.counts_of(live)
            seen = sum(counts)
            rows = max(rows, seen)
            if not seen:
                continue
            cells = [k for k, count in enumerate(counts) if count]
            amounts = [counts[k] for k in cells]
            stakes = self._log_m[index]
            for number, bet in enumerate(self._bets[index]):
                gain = sum(map(mul, amounts, [bet[k] for k in cells])) / self._inflation
                grown = gain + _log_add(stakes[number], restart)
                stakes[number] = min(max(grown, _NOTHING), cap)
            self._remember(index, counts)
            test = level / len(self._views)
            abrupt = max(abrupt, self._abrupt(counts, view.reference, level=test))
        return Reading(rows, abrupt)

    def statistic(self) -> float:
        """Return the logarithm of the mean over the bets; 0 and more alarms."""
        stakes = [stake for view in self._log_m for stake in view]
        if not stakes:
            return _NOTHING
        most = max(stakes)
        total = sum(math.exp(stake - most) for stake in stakes)
        return most + math.log(total / len(stakes))

    def distances(self) -> tuple[float, float, int]:
        """Return KS, PSI and the number of rows of what was seen lately, for people."""
        pairs = list(zip(self._lately, self._views, strict=True))
        return (
            max((ks(cells, view.reference) for cells, view in pairs), default=0.0),
            max((psi(cells, view.reference) for cells, view in pairs), default=0.0),
            max((sum(cells) for cells in self._lately), default=0),
        )

    def forget(self) -> None:
        """Start as if nothing had been seen."""
        self._log_m = [[_NOTHING] * len(bets) for bets in self._bets]
        self._lately = [[0] * len(view.reference) for view in self._views]

    def to_state(self) -> JsonObject:
        """Return the stakes and what was seen lately."""
        return {
            "log_m": [[round(stake, 6) for stake in view] for view in self._log_m],
            "lately": [list(cells) for cells in self._lately],
        }

    def restore(self, state: Reader) -> None:
        """Take over :meth:`to_state`.

        A state of another shape, as an older release may have left one, is not taken over: the
        watch begins anew, which can delay an alarm but not raise a false one.
        """
        log_m = [[x.number() for x in view.items()] for view in state["log_m"].items()]
        lately = [view.integers() for view in state["lately"].items()]
        if [len(view) for view in log_m] == [len(bets) for bets in self._bets] and [
            len(cells) for cells in lately
        ] == [len(view.reference) for view in self._views]:
            self._log_m, self._lately = log_m, lately

    def _remember(self, index: int, counts: Sequence[int]) -> None:
        cells = [a + b for a, b in zip(self._lately[index], counts, strict=True)]
        if sum(cells) > 2 * _REMEMBERED_ROWS:
            cells = [count // 2 for count in cells]
        self._lately[index] = cells

    def _abrupt(self, counts: Sequence[int], reference: Sequence[int], *, level: float) -> float:
        """Compare with the bound of Dvoretzky, Kiefer and Wolfowitz, with Massart's constant.

        The tolerance is the bound's own at the probability that a normal variable exceeds 4 on
        either side, widened as :mod:`cloud_sync.core.alarms.bets` widens it.
        """
        rows, known = sum(counts), sum(reference)
        if rows < _FEWEST_ROWS or not known or not level > 0:
            return 0.0
        tail = math.erfc(4.0 / math.sqrt(2.0))
        tolerance = tolerance_se(known) / 4.0 * math.sqrt(math.log(2 / tail) / (2 * known))
        bound = math.sqrt(self._inflation * math.log(2 / level) / (2 * rows))
        return max(ks(counts, reference) - tolerance, 0.0) / bound


def _log_add(a: float, b: float) -> float:
    high, low = (a, b) if a > b else (b, a)
    return high + math.log1p(math.exp(low - high))
