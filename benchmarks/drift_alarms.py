"""Drift, the alarms' part: false ones a day, and how soon true ones come, beside the usual tests.

Every effect is looked for in 100 features with references of 100,000 rows of their own, a window of
100 rows a minute. Ours and the exact Kolmogorov-Smirnov test, of each window or of each hour, have
the same budget: one false alarm in 30 days for all features. The population stability index has its
usual threshold, whatever that costs.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.drift_features import (
    Feature,
    Numbers,
    feature_of,
    marks_of,
    members_of,
    statistic_of,
    with_live,
)
from benchmarks.drift_fleet import MINUTES_PER_DAY, Fleet
from benchmarks.harness import Figure
from cloud_sync.core.alarms import AlarmBudget
from cloud_sync.core.alarms.watch import Watch, ground_of
from edge_contract.stats import Statistic

__all__ = ["figures"]

_FEATURES: Final = 100
_REFERENCE_ROWS: Final = 100_000
_WINDOW_ROWS: Final = 100
_CLEAN_WINDOWS: Final = 40
_PER_MONTH: Final = 1.0
_MONTH_DAYS: Final = 30
_HOUR: Final = 60
_PSI_BINS: Final = 10
_LEAST_SHARE: Final = 1e-4


def figures(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Return false alarms a day without drift, and windows until an alarm with one."""
    rng = np.random.default_rng(seed)
    features = {
        kind: [feature_of(kind, rng, rows=_REFERENCE_ROWS) for _ in range(_FEATURES)]
        for kind in ("normal", "missing 1 %", "categories")
    }
    return [
        _cost(rng, looks=20 if quick else 200),
        *_false_alarms(features["normal"], rng, quick=quick),
        *_delays(features, rng, windows=120 if quick else 700, peers=10 if quick else _FEATURES),
    ]


def _cost(rng: np.random.Generator, *, looks: int) -> Figure:
    """Return what one look at 20 features costs the collector, in its own pure Python."""
    marks = marks_of("normal", members_of("normal"))

    def counted(rows: int) -> Statistic:
        drawn = np.bincount(rng.integers(0, len(marks), rows), minlength=len(marks))
        return statistic_of("normal", marks, drawn)

    watches = [Watch(ground_of(counted(_REFERENCE_ROWS)), inflation=1.0) for _ in range(20)]
    portions = [counted(1000) for _ in range(looks)]
    began_s = time.process_time()
    for portion in portions:
        for watch in watches:
            watch.observe(portion, granted=1e-7, level=1e-9)
            watch.statistic()
    cost_ms = 1000.0 * (time.process_time() - began_s) / looks
    return Figure("a look at a portion of 1000 rows, 20 features", cost_ms, "ms", 10.0)


def _false_alarms(
    features: Sequence[Feature], rng: np.random.Generator, *, quick: bool
) -> list[Figure]:
    """Return false alarms of every rule; the usual ones need a fraction of a day to show theirs."""
    windows = 30 if quick else MINUTES_PER_DAY
    days = windows / MINUTES_PER_DAY
    distances, indices = _usual_tests(rng, windows=windows)
    levels = 0.05 * np.arange(1, _FEATURES + 1) / _FEATURES
    largest_first = -np.sort(-distances, axis=1)
    stepped = (largest_first >= stats.kstwo.isf(levels, _WINDOW_ROWS)).any(axis=1)
    usual: Mapping[str, int] = {
        "exact KS, p < 0.05": int((distances > _critical(0.05)).sum()),
        "exact KS, Bonferroni over features": int((distances > _critical(levels[0])).sum()),
        "exact KS, Benjamini-Hochberg, windows": int(stepped.sum()),
        "PSI > 0.1": int((indices > 0.1).sum()),
    }
    found = [
        Figure(f"false alarms a day: {name}", alarms / days, "1/day", peer="scipy")
        for name, alarms in usual.items()
    ]
    ours_days = 0.25 if quick else 10.0
    fleet = Fleet(features, AlarmBudget(per_month=_PER_MONTH), measured=True)
    happened = fleet.run(rng, windows=round(ours_days * MINUTES_PER_DAY))
    alarms, largest = float(happened.alarms.sum()), float(happened.largest.max())
    return [
        *found,
        Figure(f"false alarms in {ours_days:g} days: ours, 1 in 30 days allowed", alarms, "", 0.0),
        Figure("largest evidence of ours in these days", largest, "of the threshold"),
    ]


def _usual_tests(rng: np.random.Generator, *, windows: int) -> tuple[Numbers, Numbers]:
    """Return exact KS distances of rows, and PSI, ``float64[windows, features]``."""
    distances, indices = np.empty((windows, _FEATURES)), np.empty((windows, _FEATURES))
    for place in range(_FEATURES):
        reference = np.sort(rng.standard_normal(_REFERENCE_ROWS))
        live = rng.standard_normal((windows, _WINDOW_ROWS))
        distances[:, place] = _ks(live, reference)
        indices[:, place] = _psi(live, reference)
    return distances, indices


def _delays(
    features: Mapping[str, Sequence[Feature]],
    rng: np.random.Generator,
    *,
    windows: int,
    peers: int,
) -> list[Figure]:
    """Return median windows from the beginning of a drift to its alarm, and who found it soon.

    Args:
        features: By kind.
        rng: Draws.
        windows: After so many nobody looks any more.
        peers: In how many features the usual tests look for it.
    """
    found: list[Figure] = []
    for effect, (kind, live) in _EFFECTS.items():
        members = live(members_of(kind))
        ours = _our_delays(features[kind], marks_of(kind, members), rng, windows=windows)
        target = 45.0 if effect == "shift of 0.1 sigma" else None
        name = f"windows until an alarm: {effect}"
        found.append(_delay(name, ours, windows=windows, target=target))
        if kind == "normal":
            each, hourly = _usual_delays(members, rng, windows=windows, features=peers)
            found += [
                _delay(f"{name}, exact KS of windows", each, windows=windows),
                _delay(f"{name}, exact KS of hours", hourly, windows=windows),
            ]
            found += [
                Figure(f"found within an hour: {effect}, {who}", float(share), "share")
                for who, share in (
                    ("ours", (ours <= _HOUR).mean()),
                    ("exact KS of windows", (each <= _HOUR).mean()),
                    ("exact KS of hours", (hourly <= _HOUR).mean()),
                )
            ]
    return found


def _delay(name: str, delays: Numbers, *, windows: int, target: float | None = None) -> Figure:
    """Return the median as a figure; without a value if most were not found."""
    median = float(np.median(delays))
    if median >= windows:
        return Figure(name, None, "windows", target, peer=f"not found in {windows} windows")
    return Figure(name, median, "windows", target)


def _our_delays(
    features: Sequence[Feature], marks: NDArray[np.int64], rng: np.random.Generator, *, windows: int
) -> Numbers:
    """Return each feature's delay after some clean windows; ``windows`` if it was not found."""
    fleet = Fleet(features, AlarmBudget(per_month=_PER_MONTH), measured=True)
    fleet.run(rng, windows=_CLEAN_WINDOWS)
    fleet.replace_features([with_live(feature, marks) for feature in features])
    first = fleet.run(rng, windows=windows, chunk=50).first
    return np.where(first == 0, windows, first).astype(np.float64)


def _usual_delays(
    members: Numbers, rng: np.random.Generator, *, windows: int, features: int
) -> tuple[Numbers, Numbers]:
    """Return the same of exact KS tests of each window's rows, and of each hour's."""
    level = _PER_MONTH / (_FEATURES * MINUTES_PER_DAY * _MONTH_DAYS)
    hours = windows // _HOUR
    of_window = _critical(level)
    of_hour = _critical(level * _HOUR, rows=_HOUR * _WINDOW_ROWS)
    each, hourly = np.empty(features), np.empty(features)
    for place in range(features):
        reference = np.sort(rng.standard_normal(_REFERENCE_ROWS))
        live = rng.choice(members, (windows, _WINDOW_ROWS))
        each[place] = _first(_ks(live, reference) > of_window)
        by_hour = live[: hours * _HOUR].reshape(hours, -1)
        hourly[place] = _HOUR * _first(_ks(by_hour, reference) > of_hour)
    return each, np.minimum(hourly, windows)


def _critical(level: float, *, rows: int = _WINDOW_ROWS) -> float:
    """Return the KS distance to a reference sample that chance exceeds so often."""
    effective = round(rows * _REFERENCE_ROWS / (rows + _REFERENCE_ROWS))
    return float(stats.kstwo.isf(level, effective))


def _first(loud: NDArray[np.bool_]) -> float:
    return float(loud.argmax()) + 1.0 if loud.any() else float(len(loud))


def _ks(live: Numbers, reference: Numbers) -> Numbers:
    """Return the KS distance of each window's rows to the reference's, exactly."""
    rows = live.shape[1]
    ranks = np.searchsorted(reference, np.sort(live, axis=1)) / len(reference)
    above = np.arange(1, rows + 1) / rows - ranks
    below = ranks - np.arange(rows) / rows
    return np.asarray(np.maximum(above.max(axis=1), below.max(axis=1)))


def _psi(live: Numbers, reference: Numbers) -> Numbers:
    """Return each window's index on tenths of the reference."""
    edges = np.quantile(reference, np.arange(1, _PSI_BINS) / _PSI_BINS)
    bins = np.searchsorted(edges, live) + _PSI_BINS * np.arange(len(live))[:, None]
    counts = np.bincount(bins.ravel(), minlength=_PSI_BINS * len(live))
    shares = np.maximum(counts.reshape(len(live), _PSI_BINS) / live.shape[1], _LEAST_SHARE)
    gap = shares - 1 / _PSI_BINS
    return np.asarray((gap * np.log(shares * _PSI_BINS)).sum(axis=1))


def _shifted(size: float) -> Callable[[Numbers], Numbers]:
    return lambda members: members + size


def _some(share: float, value: float) -> Callable[[Numbers], Numbers]:
    """Return what gives a share of the rows one value."""

    def changed(members: Numbers) -> Numbers:
        chosen = np.random.default_rng(0).random(len(members)) < share
        return np.where(chosen, value, members)

    return changed


_EFFECTS: Final[Mapping[str, tuple[str, Callable[[Numbers], Numbers]]]] = {
    "shift of 0.05 sigma": ("normal", _shifted(0.05)),
    "shift of 0.1 sigma": ("normal", _shifted(0.1)),
    "shift of 0.2 sigma": ("normal", _shifted(0.2)),
    "shift of 0.5 sigma": ("normal", _shifted(0.5)),
    "scale x1.1": ("normal", lambda members: members * 1.1),
    "1 % of rows out of range": ("normal", _some(0.01, 9.0)),
    "1 device of 20 stuck": ("normal", _some(0.05, 0.7)),
    "missing 1 % -> 3 %": ("missing 1 %", _some(0.02, np.nan)),
    "2 % of rows in a new category": ("categories", _some(0.02, 99.0)),
}
"""By what they are called: the kind of feature, and what happens to its population."""
