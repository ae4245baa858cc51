import json
from collections.abc import Sequence

from cloud_sync.core.alarms import (
    Alarm,
    AlarmBudget,
    Cause,
    DriftDetector,
    Finding,
    alarm_of,
)
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from tests.support.behaviours import FRAGILE, package_of
from tests.support.rollout_world import World

PACKAGE = package_of(FRAGILE, "1.0.0")


def fleet(*, dirty: int, clean: int) -> World:
    world = World({"1.0.0": (PACKAGE, FRAGILE)}, "1.0.0")
    for number in range(dirty + clean):
        world.add(f"cam-{number:02d}", dirty=number < dirty)
    for _ in range(3):
        world.step()
    return world


def finding(subject: str, *, evidence: float = 3.0) -> Finding:
    return Finding(subject, "e-detector", evidence, 0.31, 0.8, 812, 2000)


def alarm_about(
    findings: Sequence[Finding] | dict[Cause, Finding],
    world: World,
    *,
    since_unix_s: float = 0.0,
    members: frozenset[str] = frozenset(),
) -> Alarm:
    if not isinstance(findings, dict):
        findings = {Cause(WHOLE_FLEET, each.kind, each.subject): each for each in findings}
    return alarm_of(
        PACKAGE,
        findings,
        world,
        members=lambda _segment: members,
        since_unix_s=since_unix_s,
        now_unix_s=world.now_s,
    )


def test_an_alarm_names_what_drifted_and_where_it_comes_from() -> None:
    world = fleet(dirty=2, clean=8)
    findings = [finding("feature:x"), finding("prediction", evidence=2.0)]

    alarm = alarm_about(findings, world)

    assert alarm.sentence.startswith("x and 1 more of gate@1.0.0 drifted: KS 0.31 over 812 rows")
    assert alarm.sentence.endswith(("most from cam-00, cam-01", "most from cam-01, cam-00"))
    assert sorted(alarm.devices) == ["cam-00", "cam-01"]
    assert alarm.features == ["feature:x", "prediction"]
    assert alarm.kind == "drift"
    assert (alarm.model, alarm.version) == ("gate", "1.0.0")


def test_a_drift_of_all_devices_says_so() -> None:
    world = fleet(dirty=5, clean=0)

    alarm = alarm_about([finding("feature:x")], world)

    assert "all 5 devices differ" in alarm.sentence
    assert len(alarm.devices) == 5


def test_a_drift_of_nobody_in_particular_says_so() -> None:
    world = fleet(dirty=0, clean=5)

    alarm = alarm_about([finding("prediction")], world)

    assert alarm.sentence.startswith("the prediction of gate@1.0.0 drifted")
    assert alarm.sentence.endswith("no single device stands out")
    assert alarm.devices == []


def test_the_evidence_is_plain_json_with_numbers_rows_and_threshold() -> None:
    world = fleet(dirty=1, clean=4)

    alarm = alarm_about([finding("feature:x")], world)

    evidence = json.loads(json.dumps(alarm.evidence, allow_nan=False))
    assert evidence["findings"]["feature:x"]["rows"] == 812
    assert evidence["findings"]["feature:x"]["threshold"] == 1.0
    assert evidence["devices"]["cam-00"]["blamed"] is True
    assert evidence["devices_seen"] == 5


def test_from_the_first_drifted_rows_to_the_names_of_their_devices() -> None:
    dirty = {"cam-03", "cam-07", "cam-11", "cam-12", "cam-19"}
    world = fleet(dirty=0, clean=20)
    detector = DriftDetector(PACKAGE, AlarmBudget(per_month=1.0))
    raised: list[tuple[int, Alarm]] = []
    for number in range(30):
        for name in dirty if number == 20 else ():
            world.devices[name].dirty = True
        world.step()
        since_s = world.now_s - 2.0
        increment = world.cohort(PACKAGE.digest, since_unix_s=since_s)
        findings = detector.observe(increment.profile, world.now_s)
        if findings:
            alarm = alarm_about(findings, world, since_unix_s=since_s)
            raised.append((number, alarm))

    number, alarm = raised[0]
    assert 20 <= number <= 22
    assert set(alarm.devices) <= dirty
    assert len(alarm.devices) >= 3


OSLO, BERGEN = Segment("tag:site", "oslo"), Segment("tag:site", "bergen")


def found(segment: Segment, subject: str = "feature:x", *, ks: float) -> dict[Cause, Finding]:
    return {Cause(segment, "drift", subject): Finding(subject, "ks", 2.0, ks, 0.8, 300, 2000)}


def test_an_alarm_of_a_segment_says_where_and_looks_at_its_devices_alone() -> None:
    world = fleet(dirty=3, clean=7)

    alarm = alarm_about(
        found(OSLO, ks=0.4), world, members=frozenset({"cam-01", "cam-05", "cam-09"})
    )

    assert alarm.sentence == (
        "x of gate@1.0.0 drifted at site=oslo: KS 0.40 over 300 rows "
        "(ks, evidence 2.0 times the threshold); most from cam-01"
    )
    assert alarm.segment == OSLO
    assert alarm.to_document()["segment"] == "tag:site=oslo"
    assert alarm.devices == ["cam-01"]
    assert alarm.evidence["devices_seen"] == 3


def test_an_alarm_of_fleet_and_segments_names_the_worst_segment() -> None:
    findings = (
        found(WHOLE_FLEET, ks=0.1)
        | found(BERGEN, ks=0.2)
        | found(OSLO, ks=0.6)
        | found(Segment("hardware", "aarch64"), "prediction", ks=0.9)
    )

    alarm = alarm_about(findings, fleet(dirty=2, clean=8))

    assert alarm.sentence.startswith(
        "x and 1 more of gate@1.0.0 drifted everywhere, worst at site=oslo and 2 more segments: "
        "KS 0.10 over 300 rows"
    )
    assert alarm.segment == OSLO
    assert sorted(alarm.devices) == ["cam-00", "cam-01"]
    evidence = json.loads(json.dumps(alarm.evidence, allow_nan=False))
    assert [item["segment"] for item in evidence["found"]] == [
        "",
        "tag:site=bergen",
        "tag:site=oslo",
        "hardware=aarch64",
    ]


def test_what_is_no_distance_is_said_in_words() -> None:
    missing = Finding(
        "feature:x", "missing", 2.0, 0.0, 0.0, 300, 2000, text="is missing in 31 % of rows"
    )

    alarm = alarm_about([missing, finding("feature:y")], fleet(dirty=0, clean=3))

    assert alarm.sentence.startswith("x of gate@1.0.0 is missing in 31 % of rows; 1 more drifted")


def test_no_device_is_named_where_none_may_be() -> None:
    alarm = alarm_of(
        PACKAGE,
        found(WHOLE_FLEET, ks=0.5),
        None,
        members=lambda _: frozenset(),
        since_unix_s=0.0,
        now_unix_s=1.0,
    )

    assert alarm.devices == []
    assert alarm.sentence.endswith("times the threshold)")
