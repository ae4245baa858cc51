"""One bad site is not averaged away, one cause is one alarm, and a calm fleet stays silent."""

import random
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from cloud_sync.core.alarms.kinds import KINDS, share_of
from cloud_sync.core.increments import PackageRole
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.errors import PackageError
from edge_contract.package import Role
from edge_contract.reading import Reader
from edge_contract.stats import Profile
from tests.support.watched_fleet import (
    START_UNIX_S,
    WatchedFleet,
    labelled_package,
    plain_package,
    rows_of,
    truths_of,
)

PACKAGE = plain_package()


def drift_share() -> float:
    """What drift gets of a budget; kinds of optional libraries may be listed while tests run."""
    return share_of(KINDS[0])


BAD = Segment("tag:site", "s07")
_RNG = random.Random(5)
CLEAN = [rows_of(_RNG, 20) for _ in range(200)]
DIRTY = [rows_of(_RNG, 20, x=1.5) for _ in range(50)]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[WatchedFleet]:
    with WatchedFleet(tmp_path) as fleet:
        fleet.push(PACKAGE)
        fleet.add_sites(20, devices=5)
        yield fleet


def windows(
    fleet: WatchedFleet, rng: random.Random, *, dirty: Collection[str] = ()
) -> dict[str, Profile]:
    return {name: rng.choice(DIRTY if name[:3] in dirty else CLEAN) for name in fleet.devices}


def live(fleet: WatchedFleet, minutes: int, *, dirty: Collection[str] = (), seed: int = 1) -> int:
    """Let minutes pass; return in which of them an alarm was raised, 0 for none."""
    rng = random.Random(seed)
    package = fleet.registry.find(PACKAGE.digest)
    assert package is not None
    raised = 0
    for minute in range(1, minutes + 1):
        seen = windows(fleet, rng, dirty=dirty)
        if fleet.pass_by(seen, package=package) and not raised:
            raised = minute
    return raised


def test_a_bad_site_alarms_though_the_fleets_average_does_not(fleet: WatchedFleet) -> None:
    assert live(fleet, 10) == 0

    raised = live(fleet, 10, dirty={"s07"}, seed=2)

    assert 1 <= raised <= 5
    (alarm,) = fleet.warehouse.alarms()
    assert "x of gate@1.0.0 drifted at site=s07: KS 0." in str(alarm.document["sentence"])
    assert alarm.document["segment"] == "tag:site=s07"
    assert alarm.document["features"] == ["feature:x"]
    named = alarm.document["devices"]
    assert isinstance(named, list)
    assert {str(name)[:3] for name in named} == {"s07"}
    watched = fleet.desk.watched[PACKAGE.digest]
    assert watched.drifted == frozenset()
    assert watched.segments[BAD].drifted == {"feature:x"}
    assert watched.is_open
    assert not watched.segments[Segment("tag:site", "s08")].drifted


def test_a_drift_of_everything_is_one_alarm_that_names_the_worst_segment(
    fleet: WatchedFleet,
) -> None:
    everywhere = {f"s{site:02d}" for site in range(20)}
    live(fleet, 3)

    live(fleet, 8, dirty=everywhere, seed=3)

    (alarm,) = fleet.warehouse.alarms()
    sentence = str(alarm.document["sentence"])
    assert "x of gate@1.0.0 drifted everywhere, worst at site=s" in sentence
    watched = fleet.desk.watched[PACKAGE.digest]
    assert watched.drifted == {"feature:x"}
    assert len([part for part in watched.segments.values() if part.drifted]) > 10


def test_a_calm_fleet_of_many_segments_is_silent_for_a_day(fleet: WatchedFleet) -> None:
    package = fleet.registry.find(PACKAGE.digest)
    assert package is not None
    rng = random.Random(9)

    raised = [
        fleet.pass_by(windows(fleet, rng), package=package, length_s=2400.0) for _ in range(36)
    ]

    assert sum(raised) == 0
    watched = fleet.desk.watched[PACKAGE.digest]
    assert len(watched.segments) == 20
    assert max(max(part.evidence.values()) for part in watched.segments.values()) < 0.5


def test_what_the_fleet_finds_later_joins_the_alarm_of_the_segment(fleet: WatchedFleet) -> None:
    live(fleet, 5, dirty={"s07"})
    (alarm,) = fleet.warehouse.alarms()
    assert alarm.document["segment"] == "tag:site=s07"
    live(fleet, 15, dirty={"s07"}, seed=2)  # the alarm grows no longer

    fleet.restart()
    everywhere = {f"s{site:02d}" for site in range(20)}
    rng = random.Random(4)
    package = fleet.registry.find(PACKAGE.digest)
    assert package is not None
    alone = {name: rng.choice(DIRTY) for name in fleet.devices if name[:3] in everywhere}
    fleet.pass_by(alone, package=package)

    joined = next(each for each in fleet.warehouse.alarms() if each.alarm_id == alarm.alarm_id)
    assert joined.document["sentence"] == alarm.document["sentence"]
    assert fleet.desk.watched[PACKAGE.digest].drifted == {"feature:x"}
    evidence = Reader(joined.document, "alarm", PackageError)["evidence"]
    found = [item["segment"].text() for item in evidence["found"].items()]
    assert found == ["tag:site=s07", ""]


def test_an_alarm_goes_on_growing_after_a_restart(fleet: WatchedFleet) -> None:
    raised = live(fleet, 5, dirty={"s07"})
    assert raised
    (before,) = fleet.warehouse.alarms()

    fleet.restart()
    live(fleet, 3, dirty={"s07", "s11"}, seed=6)

    (after,) = fleet.warehouse.alarms()
    assert after.alarm_id == before.alarm_id
    assert "s11" in str(after.document["evidence"])
    assert fleet.desk.watched[PACKAGE.digest].segments[BAD].drifted == {"feature:x"}


def test_a_device_that_moves_takes_its_rows_along_from_then_on(fleet: WatchedFleet) -> None:
    live(fleet, 3)
    for number in range(5):
        fleet.add(f"s07-{number}", site="s08")

    raised = live(fleet, 10, dirty={"s07"}, seed=2)

    assert raised
    (alarm,) = fleet.warehouse.alarms()
    assert alarm.document["segment"] == "tag:site=s08"
    assert "s07-" in str(alarm.document["devices"])
    assert "s08-" not in str(alarm.document["devices"])


def test_telemetry_of_a_device_that_is_not_born_yet_goes_to_the_whole_fleet(
    fleet: WatchedFleet,
) -> None:
    package = fleet.registry.find(PACKAGE.digest)
    assert package is not None
    fleet.add_unborn("early")

    fleet.pass_by({"early": CLEAN[0]}, package=package)

    assert list(fleet.warehouse.detectors(PackageRole(PACKAGE.digest))) == [WHOLE_FLEET]


def test_segments_and_versions_that_nobody_uses_any_more_give_their_budget_back(
    fleet: WatchedFleet,
) -> None:
    newer = fleet.push(plain_package("2.0.0", seed=2))
    package = fleet.registry.find(PACKAGE.digest)
    assert package is not None
    rng = random.Random(7)
    some = ("s00", "s01")
    seen = {name: rng.choice(CLEAN) for name in fleet.devices}
    few = {name: profile for name, profile in seen.items() if name[:3] in some}

    fleet.pass_by(seen, package=package)
    assert fleet.desk.granted_per_month(PACKAGE.digest) == pytest.approx(drift_share())
    fleet.pass_by(few, package=newer)
    both = [fleet.desk.granted_per_month(digest) for digest in (PACKAGE.digest, newer.digest)]
    assert both == pytest.approx([0.5 * drift_share(), 0.5 * drift_share()])

    for _ in range(8):
        fleet.pass_by(few, package=newer, length_s=12 * 3600.0)

    assert fleet.desk.granted_per_month(PACKAGE.digest) == 0.0
    assert fleet.desk.granted_per_month(newer.digest) == pytest.approx(drift_share())
    assert set(fleet.desk.watched) == {newer.digest}
    fleet.pass_by(few, package=package)
    assert len(fleet.desk.watched[PACKAGE.digest].segments) == 2
    assert fleet.desk.granted_per_month(PACKAGE.digest) == pytest.approx(0.5 * drift_share())


def test_predictions_that_go_wrong_at_one_site_alarm_there_as_concept_drift(tmp_path: Path) -> None:
    rng = random.Random(3)
    good = [truths_of(rng, 20) for _ in range(50)]
    wrong = [truths_of(rng, 20, accuracy=0.5) for _ in range(20)]
    with WatchedFleet(tmp_path) as fleet:
        package = fleet.push(labelled_package())
        fleet.add_sites(4, devices=5)
        for minute in range(12):
            truths = {
                name: rng.choice(wrong if name[:3] == "s02" and minute > 3 else good)
                for name in fleet.devices
            }
            fleet.pass_by(truths, package=package, role=Role.LABELS)

        (alarm,) = fleet.warehouse.alarms()
        granted = fleet.desk.granted_per_month(package.digest)
        pending = fleet.warehouse.pending_subjects()

    assert alarm.document["kind"] == "concept"
    assert "the labelled prediction of gate@1.0.0" in str(alarm.document["sentence"])
    assert "site=s02" in str(alarm.document["sentence"])
    assert "s02-" in str(alarm.document["devices"])
    assert "s01-" not in str(alarm.document["devices"])
    assert alarm.raised_unix_s > START_UNIX_S + 4 * 60.0
    assert 0.0 < granted < 1.0
    assert pending == []
