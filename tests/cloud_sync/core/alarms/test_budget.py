import random

import pytest

from cloud_sync.core.alarms import AlarmBudget, DriftDetector
from cloud_sync.core.alarms.kinds import KINDS, share_of
from cloud_sync.core.alarms.panel import Panel
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.increments import Increment
from cloud_sync.core.records import DetectorRecord
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.errors import UsageError
from edge_contract.messages import Counters
from edge_contract.package import Reference, Role
from edge_contract.stats import Profile
from tests.support.behaviours import FRAGILE, package_of, window

PACKAGE = package_of(FRAGILE, "1.0.0", rows=2000)
SITES = [Segment("tag:site", f"s{number}") for number in range(40)]
MINUTE_S = 60.0
_RNG = random.Random(2)
CLEAN = [window(PACKAGE, FRAGILE, _RNG, rows=50, dirty=False) for _ in range(40)]


def drift_share() -> float:
    """What drift gets of a budget; kinds of optional libraries may be listed while tests run."""
    return share_of(KINDS[0])


def increment(profile: Profile) -> dict[str, Increment]:
    return {"": Increment(Counters(rows=50, calls=50), profile)}


def observe(panel: Panel, segments: list[Segment], minute: int) -> None:
    found = {s: increment(CLEAN[minute % 40]) for s in (WHOLE_FLEET, *segments)}
    panel.observe(found, minute * MINUTE_S)


def shares(panel: Panel) -> dict[Segment, float]:
    return {segment: panel.granted_to(segment) for segment in panel.segments}


def test_the_parts_of_a_budget_add_up_to_it() -> None:
    budget = AlarmBudget(per_month=3.0, watched=2, share=0.25)

    assert budget.granted_per_month == pytest.approx(0.375)
    assert 10 * (budget.gradual(10) + budget.abrupt(10)) == pytest.approx(0.375)
    assert sum(share_of(kind) for kind in KINDS) == pytest.approx(1.0)


def test_a_share_of_nothing_or_of_more_than_all_is_refused() -> None:
    for share in (0.0, 1.5):
        with pytest.raises(UsageError, match="a share must be above 0 and at most 1"):
            AlarmBudget(share=share)


def test_the_fleet_has_half_and_its_segments_the_other_half() -> None:
    panel = Panel(PACKAGE, Role.PRIMARY, {})
    panel.set_budget(AlarmBudget(per_month=6.0, watched=3))

    observe(panel, [], 1)
    assert shares(panel) == {WHOLE_FLEET: pytest.approx(2.0 * drift_share())}
    observe(panel, SITES[:2], 2)
    assert shares(panel) == {
        WHOLE_FLEET: pytest.approx(drift_share()),
        SITES[0]: pytest.approx(0.5 * drift_share()),
        SITES[1]: pytest.approx(0.5 * drift_share()),
    }


def test_whatever_comes_and_goes_the_sum_is_never_more_than_the_budget() -> None:
    panel = Panel(PACKAGE, Role.PRIMARY, {})
    rng = random.Random(5)
    for minute in range(1, 40):
        panel.set_budget(AlarmBudget(watched=rng.randint(1, 4)))
        observe(panel, rng.sample(SITES, rng.randint(0, 20)), minute)
        panel.retire((minute - 5) * MINUTE_S)

        assert panel.granted_per_month <= 1.0
        assert panel.granted_per_month == pytest.approx(sum(shares(panel).values()))


def test_a_part_that_grows_weighs_nothing_anew_that_was_seen_before() -> None:
    detector = DriftDetector(PACKAGE, AlarmBudget(share=0.001))
    for minute in range(1, 30):
        detector.observe(CLEAN[minute], minute * MINUTE_S)
    before = detector.evidence()

    detector.budget = AlarmBudget(share=1.0)
    detector.observe(PACKAGE.reference.profile.spec.empty(), 30 * MINUTE_S)

    assert detector.evidence() == before


def test_a_panel_goes_on_after_a_restart_as_if_there_had_been_none() -> None:
    whole = Panel(PACKAGE, Role.PRIMARY, {})
    for minute in range(1, 10):
        observe(whole, SITES[:3], minute)
    records = {
        segment: DetectorRecord(state, 9 * MINUTE_S)
        for segment, state in whole.states(whole.segments).items()
    }
    restarted = Panel(PACKAGE, Role.PRIMARY, records)

    for panel in (whole, restarted):
        observe(panel, SITES[:4], 10)

    assert shares(restarted) == shares(whole)
    for segment in whole.segments:
        assert restarted.evidence(segment) == pytest.approx(whole.evidence(segment), rel=0.01)


def test_points_of_evidence_come_once_a_minute_of_what_has_seen_anything() -> None:
    panel = Panel(PACKAGE, Role.PRIMARY, {})
    observe(panel, SITES[:1], 1)

    first = panel.points([WHOLE_FLEET, SITES[0]], 60.0)
    again = panel.points([WHOLE_FLEET, SITES[0]], 119.0)

    assert set(first) == {WHOLE_FLEET, SITES[0]}
    reading = first[WHOLE_FLEET].readings["feature:x"]
    assert reading.rows == 50
    assert 0.0 < reading.ks < 0.5
    assert first[WHOLE_FLEET].peak >= reading.evidence > 0.0
    assert again == {}


def test_a_package_without_a_reference_is_watched_in_vain() -> None:
    empty = Reference(0, PACKAGE.reference.profile.spec.empty())
    panel = Panel(PackageFacts(PACKAGE.digest, PACKAGE.manifest, empty), Role.PRIMARY, {})

    observe(panel, SITES[:1], 1)

    assert not any(panel.drifted(segment) for segment in panel.segments)
