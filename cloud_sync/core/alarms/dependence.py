"""Measures, from the first windows of a fleet, how much rows depend on each other.

Tests for drift take rows for independent, and are slowed by tau, the variance inflation, where they
are not. It is measured when a package is made; but if the reference's rows came shuffled, nothing
of that was left to see. So it is measured once more on the first portions of live rows, and raised
if they vary more than the package says; it is never lowered.

**How.** Of each portion the mean normal score is taken, subject by subject, and half the mean
square of its differences from one portion to the next is divided by what independent rows would
give (von Neumann's ratio, 1941); the same for means of 4 and of 16 portions in a row, where the
dependence lasts longer than one portion. Differences do not see a level that changes slowly, and
the two largest ones are left out, so a drift that begins meanwhile is not mistaken for dependence.
Each subject is judged by
itself, all together by their mean, and what chance explains raises nothing. Of several looks the
largest estimate counts, so tau comes out about a fifth too large where it is not 1.

**Until enough is known** (30 differences) nothing is sure, but a guess is better than none: where
the package says that rows are independent, tau is taken for 8 in the first 4 portions, so that only
what is beyond doubt alarms, and then for the median ratio so far. A median of differences does not
notice a drift that begins just then. Afterwards a guess that was not confirmed is dropped.

**Why the alarms stay valid, nearly.** Over many rows a bet's logarithm is close to normal, with
variance v and mean -v/2 or less; if rows inflate its variance by tau, the mean of its exponential
is at most 1 again after a division by tau. Dividing the logarithm by *more* than is needed is
always valid (Jensen).

**What it cannot do.** A dependence that lasts longer than 16 portions looks like a drift that comes
and goes, and is one to the tests. A weak one, or one of a model with few features, is only found
after some hundred portions. A drift that is switched on and off all the time in the first portions
is taken for dependence. Merged counts are enough for it: devices that
are independent of each other add their variances up, so the fleet's means are inflated as much as
the devices' own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist, median
from typing import Final, NamedTuple, Self

from edge_contract.reading import JsonObject, Reader

__all__ = ["LiveDependence", "PortionScore"]

_LENGTHS: Final = (1, 4, 16)
_PORTIONS: Final = 512
"""After so many nothing is measured any more."""

_CHECKED: Final = (30, 60, 120, 240, 480)
"""Numbers of differences after which tau is judged."""

_FEWEST_ROWS: Final = 20
_SIGMAS: Final = 4.0
_POOLED_SIGMAS: Final = 3.5
_UNKNOWN: Final = 8.0
_GUESSED: Final = 3
"""From so many differences on, what is not sure yet is guessed; before, a large tau is."""

_NOTABLE: Final = 1.1
_DECIMALS: Final = 6
_NORMAL: Final = NormalDist()


class PortionScore(NamedTuple):
    """Of one subject in one portion: the rows that have a score, and its mean."""

    rows: int
    score: float

    def merged(self, other: Self) -> Self:
        """Return the mean over the rows of both."""
        rows = self.rows + other.rows
        if not rows:
            return self
        score = (self.rows * self.score + other.rows * other.score) / rows
        return type(self)(rows, score)


@dataclass(slots=True)
class _Sums:
    """Of squared differences, each over what independent rows would give on average.

    The two largest are known by themselves and left out of everything: a drift that begins, or
    comes and goes once, makes no more than two.
    """

    pairs: int = 0
    total: float = 0.0
    squares: float = 0.0
    largest: tuple[float, float] = (0.0, 0.0)

    def add(self, ratio: float) -> None:
        self.pairs += 1
        self.total += ratio
        self.squares += ratio * ratio
        first, second, _ = sorted((*self.largest, ratio), reverse=True)
        self.largest = (first, second)

    @property
    def mean(self) -> float:
        return max(self.total - sum(self.largest), 0.0) / (self.pairs - 2)

    @property
    def error(self) -> float:
        """Standard error of the mean; neighbouring differences have one portion in common."""
        squares = max(self.squares - sum(ratio**2 for ratio in self.largest), 0.0)
        variance = max(squares / (self.pairs - 2) - self.mean**2, 0.0)
        return math.sqrt(1.5 * variance / (self.pairs - 2))


@dataclass(slots=True)
class _Level:
    """Differences of means over some portions in a row."""

    length: int
    parts: int = 0
    gathered: dict[str, PortionScore] = field(default_factory=dict)
    before: dict[str, PortionScore] = field(default_factory=dict)
    sums: dict[str, _Sums] = field(default_factory=dict)
    pooled: _Sums = field(default_factory=_Sums)

    def add(self, portion: Mapping[str, PortionScore]) -> bool:
        """Take in a portion; return whether there is one more difference to look at."""
        self.parts += 1
        for subject, one in portion.items():
            known = self.gathered.get(subject)
            self.gathered[subject] = known.merged(one) if known else one
        if self.parts < self.length:
            return False
        ratios: list[float] = []
        for subject, now in self.gathered.items():
            then = self.before.get(subject)
            if then is not None and now.rows and then.rows:
                ratio = (now.score - then.score) ** 2 / (1 / now.rows + 1 / then.rows)
                self.sums.setdefault(subject, _Sums()).add(ratio)
                ratios.append(ratio)
        if ratios:
            self.pooled.add(sum(ratios) / len(ratios))
        self.before, self.gathered, self.parts = self.gathered, {}, 0
        return bool(ratios)


class LiveDependence:
    """Tau by subject, as far as live rows have shown it; 1 until then."""

    __slots__ = ("_gathered", "_guesses", "_levels", "_portions", "_taus")

    def __init__(self) -> None:
        self._levels = [_Level(length) for length in _LENGTHS]
        self._gathered: dict[str, PortionScore] = {}
        self._portions = 0
        self._taus: dict[str, float] = {}
        self._guesses: list[float] = []

    @property
    def caution(self) -> float:
        """What tau may be until it is measured: 8 at first, then a guess, at last 1."""
        if self._portions > _CHECKED[0]:
            return 1.0
        if len(self._guesses) < _GUESSED:
            return _UNKNOWN
        return max(median(self._guesses), 1.0)

    def observe(self, portion: Mapping[str, PortionScore]) -> bool:
        """Take in a portion's scores; return whether any tau was raised.

        Portions of less than 20 rows are put together.
        """
        if self._portions >= _PORTIONS:
            return False
        for subject, one in portion.items():
            known = self._gathered.get(subject)
            self._gathered[subject] = known.merged(one) if known else one
        if max((one.rows for one in self._gathered.values()), default=0) < _FEWEST_ROWS:
            return False
        gathered, self._gathered = self._gathered, {}
        self._portions += 1
        raised = False
        for level in self._levels:
            before = level.pooled.total
            if not level.add(gathered):
                continue
            if level.length == 1 and level.pooled.pairs < _CHECKED[0]:
                self._guesses.append(level.pooled.total - before)
            if level.pooled.pairs in _CHECKED:
                raised = self._judge(level) or raised
        if self._portions >= _PORTIONS:
            self._levels = []
        return raised

    def inflation(self, subject: str) -> float:
        """Return the tau of a subject."""
        return self._taus.get(subject, 1.0)

    def _judge(self, level: _Level) -> bool:
        pooled = level.pooled
        common = pooled.mean if pooled.mean > 1.0 + _POOLED_SIGMAS * pooled.error else 1.0
        raised = False
        for subject, sums in level.sums.items():
            found = max(_own_tau(sums), common)
            if found > _NOTABLE * self.inflation(subject):
                self._taus[subject] = found
                raised = True
        return raised

    def to_state(self) -> JsonObject:
        """Return everything."""
        return {
            "portions": self._portions,
            "taus": dict(self._taus),
            "guesses": [round(guess, _DECIMALS) for guess in self._guesses],
            "gathered": _scores_json(self._gathered),
            "levels": [
                {
                    "parts": level.parts,
                    "gathered": _scores_json(level.gathered),
                    "before": _scores_json(level.before),
                    "sums": {subject: _sums_json(sums) for subject, sums in level.sums.items()},
                    "pooled": _sums_json(level.pooled),
                }
                for level in self._levels
            ],
        }

    @classmethod
    def from_state(cls, state: Reader) -> Self:
        """Read :meth:`to_state`; raises the reader's error."""
        found = cls()
        found._portions = state["portions"].integer(low=0)
        found._taus = {
            subject: tau.number(low=1.0, high=1e6)
            for subject, tau in state["taus"].fields().items()
        }
        found._guesses = [guess.number(low=0.0) for guess in state["guesses"].items()]
        found._gathered = _read_scores(state["gathered"])
        found._levels = [
            _Level(
                length,
                parts=kept["parts"].integer(low=0),
                gathered=_read_scores(kept["gathered"]),
                before=_read_scores(kept["before"]),
                sums={subject: _read_sums(sums) for subject, sums in kept["sums"].fields().items()},
                pooled=_read_sums(kept["pooled"]),
            )
            for length, kept in zip(_LENGTHS, state["levels"].items(), strict=False)
        ]
        return found


def _own_tau(sums: _Sums) -> float:
    """Return what one subject's differences say, 1 if chance explains it."""
    if sums.pairs < _CHECKED[0]:
        return 1.0
    tau = sums.mean * _untrimmed(sums.pairs)
    return tau if tau > _largest_by_chance(sums.pairs) else 1.0


def _largest_by_chance(pairs: int) -> float:
    """Return which mean ratio independent rows exceed with the probability of 4 sigma.

    The mean of that many squares of neighbouring differences varies like two thirds as many
    independent squares; their quantile is that of Wilson and Hilferty.
    """
    ninth = 2.0 / (9.0 * (2.0 * pairs / 3.0))
    root = 1.0 - ninth + _SIGMAS * math.sqrt(ninth)
    return root**3


def _untrimmed(pairs: int) -> float:
    """Return by how much a mean of squares of normal numbers grows with its two largest ones."""
    ranks = [(number - 0.375) / (pairs + 0.25) for number in (1, 2)]
    largest = sum(_NORMAL.inv_cdf(1.0 - rank / 2.0) ** 2 for rank in ranks)
    return (pairs - 2) / (pairs - largest)


def _scores_json(scores: Mapping[str, PortionScore]) -> JsonObject:
    return {subject: [one.rows, round(one.score, _DECIMALS)] for subject, one in scores.items()}


def _read_scores(reader: Reader) -> dict[str, PortionScore]:
    return {
        subject: PortionScore(pair[0].integer(low=0), pair[1].number())
        for subject, pair in reader.fields().items()
    }


def _sums_json(sums: _Sums) -> list[float]:
    numbers = (sums.total, sums.squares, *sums.largest)
    return [sums.pairs, *(round(number, _DECIMALS) for number in numbers)]


def _read_sums(reader: Reader) -> _Sums:
    total, squares, first, second = (reader[place].number(low=0.0) for place in range(1, 5))
    return _Sums(reader[0].integer(low=0), total, squares, (first, second))
