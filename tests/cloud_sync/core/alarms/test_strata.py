"""A daily cycle is no drift where the reference knows it, and a drift on top of it is found."""

import json
import math
import random
from dataclasses import replace

import pytest

from cloud_sync.core.alarms import AlarmBudget, DriftDetector, Finding
from cloud_sync.core.facts import PackageFacts
from edge_contract.package import Reference, Strata, StrataKind, StrataSpec, Stratum
from edge_contract.stats import Column, Profile, ProfileSpec, SketchSpec
from tests.support.behaviours import FRAGILE, package_of

PLAIN = package_of(FRAGILE, "1.0.0", rows=50)
SPEC = ProfileSpec((Column("feature:x", SketchSpec("centred", 0.0, 1.0)),))
BUDGET = AlarmBudget(per_month=1.0)
HOUR_S = 3600.0
ROWS = 600


def counted(rng: random.Random, hour: int, *, rows: int, moved: float = 0.0) -> Profile:
    """A queue that is long at noon."""
    profile = SPEC.empty()
    for _ in range(rows):
        profile.observe(0, (rng.gauss(3.0 * math.sin(math.pi * hour / 24) + moved, 1.0),))
    return profile


def package(*, strata: bool, without: int | None = None) -> PackageFacts:
    rng = random.Random(1)
    hours = [hour for hour in range(24) if hour != without]
    profiles = {hour: counted(rng, hour, rows=ROWS) for hour in hours}
    whole = SPEC.empty()
    for profile in profiles.values():
        whole = whole.merged(profile)
    parts = {f"{hour:02d}": Stratum(ROWS, profile) for hour, profile in profiles.items()}
    kept = Strata(StrataSpec(StrataKind.HOUR_OF_DAY), parts) if strata else None
    reference = Reference(ROWS * len(hours), whole, strata=kept)
    return PackageFacts(PLAIN.digest, replace(PLAIN.manifest, features=()), reference)


def days(
    detector: DriftDetector, *, count: int, strata: bool, moved: float = 0.0, from_day: int = 0
) -> list[tuple[int, Finding]]:
    """Windows of two to an hour, for some days; findings with the number of their window."""
    rng = random.Random(2 + from_day)
    found: list[tuple[int, Finding]] = []
    for window in range(48 * count):
        hour = window // 2 % 24
        now_s = from_day * 24 * HOUR_S + (window + 1) * HOUR_S / 2
        stratum = f"{hour:02d}" if strata else ""
        portion = counted(rng, hour, rows=60, moved=moved)
        found += [(window, one) for one in detector.observe(portion, now_s, stratum=stratum)]
    return found


def test_a_daily_cycle_alarms_without_strata_and_does_not_with_them() -> None:
    plain = DriftDetector(package(strata=False), BUDGET)
    by_hour = DriftDetector(package(strata=True), BUDGET)

    assert days(plain, count=2, strata=False)
    assert days(by_hour, count=7, strata=True) == []


def test_a_drift_on_top_of_the_cycle_is_found_although_each_hour_has_few_rows() -> None:
    detector = DriftDetector(package(strata=True), BUDGET)
    days(detector, count=1, strata=True)

    found = days(detector, count=1, strata=True, moved=0.9, from_day=1)

    assert found
    assert found[0][0] <= 24


def test_an_hour_that_the_reference_has_no_rows_of_changes_nothing() -> None:
    detector = DriftDetector(package(strata=True, without=3), BUDGET)
    before = detector.to_state()

    found = detector.observe(counted(random.Random(3), 3, rows=500, moved=9.0), 60.0, stratum="03")

    assert found == []
    assert detector.to_state() == before


def test_a_restart_in_the_middle_of_a_day_forgets_no_evidence() -> None:
    facts = package(strata=True)
    detector = DriftDetector(facts, BUDGET)
    days(detector, count=1, strata=True, moved=0.3)

    state = json.loads(json.dumps(detector.to_state(), allow_nan=False))
    restored = DriftDetector(facts, BUDGET, state)

    assert restored.evidence() == pytest.approx(detector.evidence(), rel=1e-2)
