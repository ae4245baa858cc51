"""Wealth: what the bets on one view hold, from which the statistic of a subject adds up.

A bet holds ``M``, which a portion of rows takes to ``e * (M + granted * weight)``: ``e`` is the
product of the bet's factors over the rows. That is the detector of Shiryaev and Roberts with a
restart in every instant. Everything is kept as logarithms.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from operator import mul
from typing import Final, TypeVar

from cloud_sync.core.alarms.bets import Bets
from edge_contract.errors import MessageError
from edge_contract.reading import JsonObject, Reader

__all__ = ["NOTHING", "Wealth", "evidence_of", "grow", "log_add", "log_sum"]

_MOST_EVIDENCE: Final = 1e6

NOTHING: Final = -700.0
"""Logarithm of a wealth that is as good as none; JSON has no minus infinity."""

CAP: Final = math.log(10.0)
"""How far above the threshold a bet may rise: it must be able to fall again when drift ends."""

_DECIMALS: Final = 4

K = TypeVar("K")


class Wealth:
    """What the bets of one view hold.

    Spikes are many, and most hold no more than their last restart. Those are forgotten at once:
    that can delay an alarm by very little, never raise a false one, and keeps the state small.

    Args:
        tilts: Places for tilts.
        rates: Places for rates.
    """

    __slots__ = ("rates", "spikes", "tilts")

    def __init__(self, *, tilts: int, rates: int) -> None:
        self.tilts = [NOTHING] * tilts
        self.rates = [NOTHING] * rates
        self.spikes: dict[int, float] = {}

    def grow(
        self, counts: Sequence[int], bets: Bets, *, log_granted: float, inflation: float
    ) -> None:
        """Take in a portion of rows.

        Args:
            counts: Rows by cell of the view.
            bets: The view's bets, in the same places as ever.
            log_granted: Logarithm of what the budget grants the subject for the time passed.
            inflation: Logarithms of factors are divided by it.
        """
        seen = sum(counts)
        for place, tilt in enumerate(bets.tilts):
            if tilt is not None:
                gain = sum(map(mul, counts, tilt.logs)) / inflation
                held = log_add(self.tilts[place], log_granted + tilt.log_weight)
                self.tilts[place] = min(max(gain + held, NOTHING), CAP)
        for place, rate in enumerate(bets.rates):
            if rate is not None:
                inside = sum([counts[cell] for cell in rate.cells])
                gain = (inside * rate.log_in + (seen - inside) * rate.log_out) / inflation
                held = log_add(self.rates[place], log_granted + rate.log_weight)
                self.rates[place] = min(max(gain + held, NOTHING), CAP)
        for key, spike in bets.spikes.items():
            inside = counts[spike.cells[0]]
            if not inside and key not in self.spikes:
                continue
            gain = (inside * spike.log_in + (seen - inside) * spike.log_out) / inflation
            grow(self.spikes, key, gain, restart=log_granted + spike.log_weight)

    def logs(self) -> Iterator[float]:
        """Yield the logarithm of what each bet holds."""
        yield from self.tilts
        yield from self.rates
        yield from self.spikes.values()

    def by_purpose(self, bets: Bets) -> dict[tuple[str, tuple[int, ...]], float]:
        """Return the logarithm of what the bets hold, by what they are about and their cells."""
        held: dict[tuple[str, tuple[int, ...]], float] = {}

        def add(about: str, cells: tuple[int, ...], log: float) -> None:
            held[about, cells] = log_add(held.get((about, cells), NOTHING), log)

        for tilt, log in zip(bets.tilts, self.tilts, strict=True):
            if tilt is not None:
                add(tilt.about, (), log)
        for rate, log in zip(bets.rates, self.rates, strict=True):
            if rate is not None:
                add(rate.about, rate.cells, log)
        for key, log in self.spikes.items():
            if key in bets.spikes:
                add("spike", bets.spikes[key].cells, log)
        return held

    def to_state(self) -> JsonObject:
        """Return all logarithms."""
        return {
            "tilts": [round(log, _DECIMALS) for log in self.tilts],
            "rates": [round(log, _DECIMALS) for log in self.rates],
            "spikes": {str(key): round(log, _DECIMALS) for key, log in self.spikes.items()},
        }

    def restored(self, state: Reader) -> "Wealth | None":
        """Return the wealth of :meth:`to_state`; ``None`` if it has other places for bets."""
        wealth = Wealth(tilts=len(self.tilts), rates=len(self.rates))
        tilts, rates = (
            [min(item.number(low=NOTHING), CAP) for item in state[name].items()]
            for name in ("tilts", "rates")
        )
        if len(tilts) != len(self.tilts) or len(rates) != len(self.rates):
            return None
        wealth.tilts, wealth.rates = tilts, rates
        for key, log in state["spikes"].fields().items():
            if not key.isascii() or not key.isdigit():
                raise MessageError(f"{key!r} is no number of a bet")
            wealth.spikes[int(key)] = min(log.number(low=NOTHING), CAP)
        return wealth


def evidence_of(statistic: float) -> float:
    """Return a statistic over its threshold, at most a million, from its logarithm."""
    return math.exp(min(statistic, math.log(_MOST_EVIDENCE)))


def grow(held: dict[K, float], key: K, gain: float, *, restart: float) -> None:
    """Let one bet win or lose; one that holds no more than a restart is forgotten.

    Args:
        held: What bets hold, by key.
        key: The bet's.
        gain: Logarithm of the product of its factors.
        restart: Logarithm of what it is granted for the time passed.
    """
    before = held.get(key)
    after = gain + (restart if before is None else log_add(before, restart))
    if after > max(restart, NOTHING):
        held[key] = min(after, CAP)
    elif before is not None:
        del held[key]


def log_add(a: float, b: float) -> float:
    """Return the logarithm of a sum of two numbers given by theirs."""
    high, low = (a, b) if a > b else (b, a)
    return high + math.log1p(math.exp(low - high))


def log_sum(logs: Iterable[float]) -> float:
    """Return the same of any number of them; of none, that of nothing."""
    known = list(logs)
    most = max(known, default=NOTHING)
    return most + math.log(sum(math.exp(log - most) for log in known)) if known else NOTHING
