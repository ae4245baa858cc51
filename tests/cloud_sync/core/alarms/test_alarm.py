import json

from cloud_sync.core.alarms import Alarm, AlarmBudget, DriftDetector, Finding, alarm_of
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


def test_an_alarm_names_what_drifted_and_where_it_comes_from() -> None:
    world = fleet(dirty=2, clean=8)
    findings = [finding("feature:x"), finding("prediction", evidence=2.0)]

    alarm = alarm_of(PACKAGE, findings, world, since_unix_s=0.0, now_unix_s=world.now_s)

    assert alarm.sentence.startswith("x and 1 more of gate@1.0.0 drifted: KS 0.31 over 812 rows")
    assert alarm.sentence.endswith(("most from cam-00, cam-01", "most from cam-01, cam-00"))
    assert sorted(alarm.devices) == ["cam-00", "cam-01"]
    assert alarm.features == ["feature:x", "prediction"]
    assert alarm.kind == "drift"
    assert (alarm.model, alarm.version) == ("gate", "1.0.0")


def test_a_drift_of_all_devices_says_so() -> None:
    world = fleet(dirty=5, clean=0)

    alarm = alarm_of(
        PACKAGE, [finding("feature:x")], world, since_unix_s=0.0, now_unix_s=world.now_s
    )

    assert "all 5 devices differ" in alarm.sentence
    assert len(alarm.devices) == 5


def test_a_drift_of_nobody_in_particular_says_so() -> None:
    world = fleet(dirty=0, clean=5)

    alarm = alarm_of(
        PACKAGE, [finding("prediction")], world, since_unix_s=0.0, now_unix_s=world.now_s
    )

    assert alarm.sentence.startswith("the prediction of gate@1.0.0 drifted")
    assert alarm.sentence.endswith("no single device stands out")
    assert alarm.devices == []


def test_the_evidence_is_plain_json_with_numbers_rows_and_threshold() -> None:
    world = fleet(dirty=1, clean=4)

    alarm = alarm_of(
        PACKAGE, [finding("feature:x")], world, since_unix_s=0.0, now_unix_s=world.now_s
    )

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
            alarm = alarm_of(PACKAGE, findings, world, since_unix_s=since_s, now_unix_s=world.now_s)
            raised.append((number, alarm))

    number, alarm = raised[0]
    assert 20 <= number <= 22
    assert set(alarm.devices) <= dirty
    assert len(alarm.devices) >= 3
