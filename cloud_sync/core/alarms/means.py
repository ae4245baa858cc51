"""Bets on the means of bounded integers: how features move together, where embeddings lie.

Devices sum small integers exactly (:mod:`edge_contract.stats.quantised`), and their squares. For a
number X from -B to B whose mean is at most c, and ``Y = (X - c) / (B + c)``, which is at least -1,

    exp(stake * sum(Y) + (stake + log(1 - stake)) * sum(Y * Y))

is an e-value for every stake from 0 to 1: the empirical-Bernstein supermartingale of Fan, Grama and
Liu ("Exponential inequalities for martingales with applications", 2015) that Howard, Ramdas,
McAuliffe and Sekhon build confidence sequences on ("Time-uniform, nonparametric, nonasymptotic
confidence sequences", 2021), with c, which the reference fixes, in the place of a running mean. It
needs the sums alone, and is sharp where X varies little. Bets the other way are on -X. The
tolerance of c is that of :mod:`cloud_sync.core.alarms.bets`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.alarms.bets import tolerance_se
from cloud_sync.core.alarms.wealth import CAP, NOTHING, grow, log_add, log_sum
from edge_contract.errors import MessageError
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats.quantised import Sums

__all__ = ["Mean", "MeanWatch", "means_of"]

STAKES: Final = ((0.1, 0.3), (0.3, 0.4), (0.6, 0.3))
"""Stakes with their weights."""

_SIGNS: Final = (1, -1)
_PER_PLACE: Final = len(_SIGNS) * len(STAKES)
_REMEMBERED_ROWS: Final = 4096
_DECIMALS: Final = 4


@dataclass(frozen=True, slots=True)
class Mean:
    """What is known of one number from the reference.

    Attributes:
        rows: Rows of the reference that had it.
        mean: Over these.
        deviation: Its standard deviation.
        ceilings: The largest mean of X, and of -X, that the reference does not rule out; none
            where it leaves no room for a bet.
    """

    rows: int
    mean: float
    deviation: float
    ceilings: tuple[float | None, float | None]


def means_of(sums: Sequence[Sums], *, largest: int) -> tuple[Mean, ...]:
    """Return what a reference's sums say.

    Args:
        sums: By place.
        largest: Largest magnitude of a number.
    """
    return tuple(_mean(one, largest) for one in sums)


class MeanWatch:
    """The e-detector of some numbers together: any of their means may drift, either way.

    Args:
        largest: Largest magnitude of a number.
        places: How many numbers there are.
        inflation: Tau: logarithms of factors are divided by it.
    """

    __slots__ = ("_held", "_largest", "_lately", "_places", "inflation")

    def __init__(self, *, largest: int, places: int, inflation: float) -> None:
        self._largest = largest
        self._places = places
        self.inflation = inflation
        self.forget()

    def observe(
        self, live: Sequence[Sums], means: Sequence[Mean], *, granted: float, caution: float = 1.0
    ) -> None:
        """Take in sums of rows that were never taken in before.

        Args:
            live: By place.
            means: What they are compared with.
            granted: False alarms allowed for the time since the last rows.
            caution: A tau for these rows alone, if that is larger.
        """
        tau = max(self.inflation, caution)
        log_granted = math.log(granted) if granted > 0 else NOTHING
        per_place = log_granted - math.log(max(len(_SIGNS) * self._places, 1))
        for place, (sums, mean) in enumerate(zip(live, means, strict=True)):
            if not sums.count:
                continue
            for side, ceiling in enumerate(mean.ceilings):
                if ceiling is None:
                    continue
                total, squares = self._standardised(sums, ceiling, sign=_SIGNS[side])
                for number, (stake, weight) in enumerate(STAKES):
                    gain = stake * total + (stake + math.log1p(-stake)) * squares
                    key = (place * len(_SIGNS) + side) * len(STAKES) + number
                    grow(self._held, key, gain / tau, restart=per_place + math.log(weight))
            self._remember(place, sums)

    def statistic(self) -> float:
        """Return the logarithm of what all bets hold; 0 and more alarms."""
        return log_sum(self._held.values())

    def strongest(self) -> int | None:
        """Return the place whose bets hold most; ``None`` if no bet holds anything."""
        by_place: dict[int, float] = {}
        for key, log in self._held.items():
            place = key // _PER_PLACE
            by_place[place] = log_add(by_place.get(place, NOTHING), log)
        return max(by_place, key=lambda place: by_place[place], default=None)

    def lately(self, place: int) -> tuple[int, float]:
        """Return rows seen lately of one number, and its mean over them."""
        count, total = self._lately[place]
        return count, total / max(count, 1)

    @property
    def rows(self) -> int:
        """Rows seen lately."""
        return max((count for count, _ in self._lately), default=0)

    def forget(self) -> None:
        """Start as if nothing had been seen."""
        self._held: dict[int, float] = {}
        self._lately = [(0, 0)] * self._places

    def start_anew(self) -> None:
        """Forget the evidence, but not what was seen lately."""
        self._held.clear()

    def to_state(self) -> JsonObject:
        """Return what bets hold and what was seen lately."""
        return {
            "inflation": self.inflation,
            "held": {str(key): round(log, _DECIMALS) for key, log in self._held.items()},
            "lately": [list(pair) for pair in self._lately],
        }

    def restore(self, state: Reader) -> None:
        """Take over :meth:`to_state`, unless it is of other numbers."""
        lately = [(pair[0].integer(low=0), pair[1].integer()) for pair in state["lately"].items()]
        if len(lately) != self._places:
            return
        self._lately = lately
        self.inflation = max(self.inflation, state["inflation"].number(low=1.0))
        for key, log in state["held"].fields().items():
            if not key.isascii() or not key.isdigit():
                raise MessageError(f"{key!r} is no number of a bet")
            if int(key) < self._places * _PER_PLACE:
                self._held[int(key)] = min(log.number(low=NOTHING), CAP)

    def _standardised(self, sums: Sums, ceiling: float, *, sign: int) -> tuple[float, float]:
        """Return the sums of Y and of its square."""
        scale = self._largest + ceiling
        total = sign * sums.total
        first = total - sums.count * ceiling
        second = sums.squares - 2.0 * ceiling * total + sums.count * ceiling * ceiling
        return first / scale, max(second, 0.0) / (scale * scale)

    def _remember(self, place: int, sums: Sums) -> None:
        count, total = self._lately[place]
        count, total = count + sums.count, total + sums.total
        if count > 2 * _REMEMBERED_ROWS:
            count, total = count // 2, round(total * (count // 2) / count)
        self._lately[place] = (count, total)


def _mean(sums: Sums, largest: int) -> Mean:
    rows = sums.count
    if not rows:
        return Mean(0, 0.0, 0.0, (None, None))
    mean = sums.total / rows
    deviation = math.sqrt(max(sums.squares / rows - mean * mean, 0.0))
    up, down = (_ceiling(rows, sign * mean, deviation, largest) for sign in _SIGNS)
    return Mean(rows, mean, deviation, (up, down))


def _ceiling(rows: int, mean: float, deviation: float, largest: int) -> float | None:
    z = tolerance_se(rows)
    ceiling = mean + z * deviation / math.sqrt(rows) + (largest - mean) * z * z / (2 * rows)
    return ceiling if ceiling < largest else None
