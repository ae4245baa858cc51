"""Whether alarms keep to their budget: fleets in which nothing drifts, for a month each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.drift_features import KINDS, feature_of
from benchmarks.drift_fleet import MINUTES_PER_DAY, Fleet
from benchmarks.harness import Figure, benchmark
from cloud_sync.core.alarms import AlarmBudget

__all__ = ["calibration"]

_FEATURES: Final = 100
_DAYS: Final = 30
_TAU: Final = 5


@dataclass(frozen=True, slots=True)
class _Setting:
    """One kind of fleet.

    Attributes:
        name: What it shows.
        reference_rows: Rows of each package's reference.
        fleets: How many fleets, each for a month.
        repeats: How often each row comes in a row.
        known: Tau that the package says.
        measured: Whether live windows are measured.
        is_promised: Whether the budget is promised to hold; else it shows what it protects from.
    """

    name: str
    reference_rows: int
    fleets: int
    repeats: int = 1
    known: float = 1.0
    measured: bool = True
    is_promised: bool = True


_SETTINGS: Final = (
    _Setting("independent rows, reference of 1,000", 1_000, 12),
    _Setting("independent rows, reference of 5,000", 5_000, 12),
    _Setting("independent rows, reference of 100,000", 100_000, 12),
    _Setting("every row 5 times, tau of the package", 100_000, 4, _TAU, _TAU),
    _Setting("every row 5 times, tau measured live", 100_000, 4, _TAU),
    _Setting("every row 5 times, tau unknown", 100_000, 1, _TAU, measured=False, is_promised=False),
)


@benchmark
def calibration(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Count false alarms at a budget of 1 a month: 100 features of 8 kinds, a window a minute."""
    figures: list[Figure] = []
    days = 0.0
    for number, setting in enumerate(_SETTINGS):
        fleets, windows = (1, 120) if quick else (setting.fleets, _DAYS * MINUTES_PER_DAY)
        months = fleets * windows / (_DAYS * MINUTES_PER_DAY)
        days += months * _DAYS
        alarms, largest, tau = _simulated(
            setting, np.random.default_rng([seed, number]), fleets=fleets, windows=windows
        )
        target = 1.0 if setting.is_promised and not quick else None
        figures += [
            Figure(f"{setting.name}: false alarms", alarms / months, "1/month", target),
            Figure(f"{setting.name}: months", months, "months"),
            Figure(f"{setting.name}: largest evidence", largest, "of the threshold"),
        ]
        if setting.repeats > 1:
            figures.append(Figure(f"{setting.name}: median tau in use", tau, "x"))
    return [*figures, Figure("simulated in all", days, "fleet-days")]


def _simulated(
    setting: _Setting, rng: np.random.Generator, *, fleets: int, windows: int
) -> tuple[int, float, float]:
    """Return alarms, the largest evidence and the median tau of all fleets."""
    alarms, largest = 0, 0.0
    taus: list[float] = []
    for _ in range(fleets):
        features = [
            feature_of(KINDS[place % len(KINDS)], rng, rows=setting.reference_rows)
            for place in range(_FEATURES)
        ]
        fleet = Fleet(
            features,
            AlarmBudget(per_month=1.0),
            repeats=setting.repeats,
            known_inflation=setting.known,
            measured=setting.measured,
        )
        happened = fleet.run(rng, windows=windows)
        alarms += int(happened.alarms.sum())
        largest = max(largest, float(happened.largest.max()))
        taus += fleet.inflation.tolist()
    return alarms, largest, float(np.median(taus))
