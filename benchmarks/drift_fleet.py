"""A fleet of which only the counts are drawn, and its alarms: a simulated day in a second.

Bets, weights, tolerances and budget are the product's own, taken from its classes; only their sums
run in numpy here (``tests/benchmarks/test_drift_fleet.py`` holds both against each other).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.drift_features import CELLS, Feature, Numbers
from cloud_sync.core.alarms.bets import tolerance_se
from cloud_sync.core.alarms.budget import MONTH_S, AlarmBudget
from cloud_sync.core.alarms.dependence import LiveDependence, PortionScore
from cloud_sync.core.alarms.wealth import CAP

__all__ = ["MINUTES_PER_DAY", "Fleet", "Happened"]

MINUTES_PER_DAY: Final = 1440
_CALM_MINUTES: Final = 60
_CALM: Final = 0.01


@dataclass(frozen=True, slots=True)
class Happened:
    """What a simulated stretch of time brought.

    Attributes:
        alarms: Alarms by feature.
        first: Number of the first window that alarmed, by feature; 0 if none did.
        largest: Largest evidence over its threshold, by feature.
    """

    alarms: NDArray[np.int64]
    first: NDArray[np.int64]
    largest: Numbers


class Fleet:
    """The alarms of one model version, from its first window on.

    Args:
        features: What is watched.
        budget: False alarms it may raise.
        window_rows: Rows of a window, which comes every minute.
        repeats: How often each row comes in a row: 1 for independent rows.
        known_inflation: Tau that the package says.
        measured: Whether tau is measured on the first windows as well.
    """

    def __init__(
        self,
        features: Sequence[Feature],
        budget: AlarmBudget,
        *,
        window_rows: int = 100,
        repeats: int = 1,
        known_inflation: float = 1.0,
        measured: bool = False,
    ) -> None:
        self._features = features
        self._window_rows = window_rows
        self._repeats = repeats
        months = 60.0 / MONTH_S
        self._granted = budget.gradual(len(features)) * months
        self._level = budget.abrupt(len(features)) * months
        self._known_inflation = known_inflation
        self._tau = np.full((len(features), 1), known_inflation)
        self._dependence = LiveDependence() if measured else None
        bets = max(len(feature.log_weights) for feature in features)
        weights = np.full((len(features), bets), -np.inf)
        self._logs = np.zeros((len(features), CELLS, bets))
        self._spikes = np.zeros((len(features), bets), dtype=bool)
        for row, feature in enumerate(features):
            size = len(feature.log_weights)
            weights[row, :size] = feature.log_weights
            self._logs[row, :, :size] = feature.logs
            self._spikes[row, :size] = feature.spikes
        self._restart = self._granted * np.exp(weights)
        self._wealth = np.zeros_like(self._restart)
        self._standing = np.zeros(len(features), dtype=bool)
        self._calm = np.zeros(len(features), dtype=np.int64)

    def run(self, rng: np.random.Generator, *, windows: int, chunk: int = 240) -> Happened:
        """Let so many windows arrive and return what happened."""
        size = len(self._features)
        alarms, first = np.zeros(size, np.int64), np.zeros(size, np.int64)
        largest = np.zeros(size)
        for begin in range(0, windows, chunk):
            length = min(chunk, windows - begin)
            counts = np.stack([self._drawn(feature, rng, length) for feature in self._features])
            distances = self._distances(counts)
            gains = counts @ self._logs
            for step in range(length):
                abrupt = self._abrupt(distances[step])
                evidence = self.advance(gains[:, step])
                self._note_dependence(counts[:, step])
                largest = np.maximum(largest, evidence)
                loud = (evidence >= 1.0) | (abrupt >= 1.0)
                rises = loud & ~self._standing
                alarms += rises
                first = np.where((first == 0) & loud, begin + step + 1, first)
                self._note_calm(rises, calm=(evidence < _CALM) & (abrupt < 1.0))
        return Happened(alarms, first, largest)

    def replace_features(self, features: Sequence[Feature]) -> None:
        """Let live rows come from other populations from now on; references stay."""
        self._features = features

    def advance(self, gains: Numbers) -> Numbers:
        """Take in one window; return the evidence over its threshold by feature.

        Args:
            gains: Logarithms of the bets' factors, ``float64[features, bets]``.
        """
        wealth = np.exp(np.minimum(gains / self._tau_now, 700.0)) * (self._wealth + self._restart)
        wealth[self._spikes & (wealth <= self._restart)] = 0.0
        self._wealth = np.minimum(wealth, np.exp(CAP))
        return np.asarray(self._wealth.sum(axis=1))

    def gains_of(self, counts: Numbers) -> Numbers:
        """Return what :meth:`advance` takes, from ``float64[features, cells]``."""
        return np.asarray((counts[:, None] @ self._logs)[:, 0])

    @property
    def inflation(self) -> Numbers:
        """Tau by feature, as it is known by now."""
        return np.asarray(self._tau[:, 0])

    def _drawn(self, feature: Feature, rng: np.random.Generator, windows: int) -> Numbers:
        """Return counts by cell, ``float64[windows, cells]``."""
        each = self._window_rows // self._repeats
        members = rng.integers(0, len(feature.table), windows * each, dtype=np.uint16)
        places = feature.table[members] + CELLS * np.repeat(np.arange(windows), each)
        counts = np.bincount(places, minlength=windows * CELLS) * self._repeats
        return np.asarray(counts.reshape(windows, CELLS), dtype=np.float64)

    @property
    def _tau_now(self) -> Numbers:
        if self._dependence is None or self._known_inflation > 1.0:
            return self._tau
        return np.asarray(np.maximum(self._tau, self._dependence.caution))

    def _distances(self, counts: Numbers) -> Numbers:
        """Return KS distances beyond the tolerance, ``float64[windows, features]``."""
        tail = 2.0 * stats.norm.sf(4.0)
        found: list[Numbers] = []
        for feature, each in zip(self._features, counts, strict=True):
            shares = np.cumsum(each, axis=1) / self._window_rows
            distance = np.abs(shares - feature.cumulated).max(axis=1)
            known = feature.reference_rows
            tolerance = tolerance_se(known) / 4.0 * np.sqrt(np.log(2 / tail) / (2 * known))
            found.append(np.maximum(distance - tolerance, 0.0))
        return np.stack(found, axis=1)

    def _abrupt(self, distances: Numbers) -> Numbers:
        """Return one window's distances over their bounds."""
        spread = self._tau_now[:, 0] * np.log(2 / self._level) / (2 * self._window_rows)
        return np.asarray(distances / np.sqrt(spread))

    def _note_dependence(self, window: Numbers) -> None:
        """Measure tau on one window, ``float64[features, cells]``, as the detector does."""
        if self._dependence is None:
            return
        scores: dict[str, PortionScore] = {}
        for row, (feature, counts) in enumerate(zip(self._features, window, strict=True)):
            rows = int(counts[: feature.view.ordered].sum())
            if rows:
                scores[str(row)] = PortionScore(rows, float(counts @ feature.scores) / rows)
        if self._dependence.observe(scores):
            for row in range(len(self._features)):
                tau = self._dependence.inflation(str(row))
                if tau > self._tau[row, 0]:
                    self._tau[row, 0] = tau
                    self._wealth[row] = 0.0

    def _note_calm(self, rises: NDArray[np.bool_], *, calm: NDArray[np.bool_]) -> None:
        """Let what was raised be raised again after a calm hour."""
        self._calm = np.where(calm & self._standing, self._calm + 1, 0)
        self._standing = (self._standing & (self._calm <= _CALM_MINUTES)) | rises
