import pytest

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.rollout import ExecutionState, Mode, RolloutPlan
from cloud_sync.core.rollout.record import Execution, RolloutRecord, StageRecord
from cloud_sync.core.rollout.reports import is_back, sweep, take_reports
from edge_contract.messages import ModelReport, SlotReport, Target

OLD, NEW = "sha256:old", "sha256:new"
PLAN = RolloutPlan(model="gate", version="1.1.0", notify_s=30.0, progress_s=60.0)


def record(state: str = "notified", mode: Mode = Mode.SERVE, *, ran: bool = False) -> RolloutRecord:
    found = RolloutRecord(
        rollout_id="r1",
        salt="s",
        plan=PLAN,
        candidate=Target("1.1.0", NEW, "r1"),
        previous=Target("1.0.0", OLD),
        created_unix_s=0.0,
        stages=[StageRecord(stage) for stage in PLAN.stages()],
    )
    found.executions["cam"] = Execution(ExecutionState(state), mode, 100.0, ran=ran)
    return found


def reports(
    slot: str, *, serving: str = OLD, online: bool = True, behind: int = 0
) -> dict[str, DeviceFacts]:
    slots = (
        SlotReport("A", "ready" if serving == NEW else "active", "1.0.0", OLD),
        SlotReport("B", slot, "1.1.0", NEW, "golden vectors differ" if slot == "bad" else ""),
    )
    status = DeviceStatus.ONLINE if online else DeviceStatus.UNREACHABLE
    models = {"gate": ModelReport(serving, "", slots=slots)}
    return {
        "cam": DeviceFacts(
            "cam", status, desired_generation=5, reported_generation=5 - behind, models=models
        )
    }


@pytest.mark.parametrize(
    ("mode", "slot", "serving", "state"),
    [
        (Mode.SERVE, "downloading", OLD, "in_progress"),
        (Mode.SERVE, "verifying", OLD, "in_progress"),
        (Mode.SERVE, "ready", OLD, "in_progress"),
        (Mode.SERVE, "trial", NEW, "in_progress"),
        (Mode.SERVE, "active", OLD, "in_progress"),
        (Mode.SERVE, "active", NEW, "succeeded"),
        (Mode.SERVE, "bad", OLD, "rejected"),
        (Mode.SHADOW, "ready", OLD, "in_progress"),
        (Mode.SHADOW, "shadow", OLD, "succeeded"),
        (Mode.LOAD, "ready", OLD, "succeeded"),
        (Mode.LOAD, "empty", OLD, "notified"),
    ],
)
def test_a_device_is_where_its_report_says(mode: Mode, slot: str, serving: str, state: str) -> None:
    rollout = record(mode=mode)

    take_reports(rollout, reports(slot, serving=serving), 110.0)

    assert rollout.executions["cam"].state.value == state


def test_a_device_without_a_report_stays_where_it_was() -> None:
    rollout = record()

    take_reports(rollout, {"cam": DeviceFacts("cam", DeviceStatus.ONLINE)}, 110.0)
    take_reports(rollout, {}, 110.0)

    assert rollout.executions["cam"].state is ExecutionState.NOTIFIED


def test_who_serves_it_on_trial_is_exposed_even_without_being_asked_to() -> None:
    rollout = record()
    facts = reports("trial", serving=NEW)
    facts["stray"] = DeviceFacts("stray", DeviceStatus.ONLINE, models=facts["cam"].models)

    take_reports(rollout, facts, 110.0)

    assert rollout.exposed == {"cam", "stray"}


def test_bad_after_it_ran_is_a_failure_and_the_reason_is_kept() -> None:
    rollout = record("in_progress", ran=True)

    said = take_reports(rollout, reports("bad"), 110.0)

    assert rollout.executions["cam"].state is ExecutionState.FAILED
    assert rollout.executions["cam"].detail == "golden vectors differ"
    assert said == ["cam will not run gate@1.1.0: golden vectors differ"]


def test_a_device_that_goes_back_after_its_success_has_failed() -> None:
    rollout = record("succeeded", ran=True)

    take_reports(rollout, reports("bad"), 500.0)

    assert rollout.executions["cam"].state is ExecutionState.FAILED


def test_a_late_success_is_one_all_the_same() -> None:
    rollout = record("timed_out")

    take_reports(rollout, reports("active", serving=NEW), 500.0)

    assert rollout.executions["cam"].state is ExecutionState.SUCCEEDED


@pytest.mark.parametrize(
    ("state", "slot", "at_s", "after"),
    [
        ("notified", "empty", 129.9, "notified"),
        ("notified", "empty", 130.0, "timed_out"),
        ("in_progress", "downloading", 159.9, "in_progress"),
        ("in_progress", "downloading", 160.0, "timed_out"),
        ("in_progress", "trial", 9999.0, "in_progress"),
        ("succeeded", "active", 9999.0, "succeeded"),
    ],
)
def test_a_reachable_device_has_so_long_to_begin_and_so_long_to_go_on(
    state: str, slot: str, at_s: float, after: str
) -> None:
    rollout = record(state)

    sweep(rollout, reports(slot), at_s)

    assert rollout.executions["cam"].state.value == after


def test_time_out_of_reach_does_not_count() -> None:
    rollout = record()

    sweep(rollout, reports("empty", online=False), 400.0)
    sweep(rollout, reports("empty"), 429.0)
    assert rollout.executions["cam"].state.value == "notified"

    sweep(rollout, reports("empty"), 430.0)
    assert rollout.executions["cam"].state.value == "timed_out"
    assert rollout.executions["cam"].detail == "not begun within 30 s"


def test_a_device_is_back_when_it_heard_so_and_left_the_candidate() -> None:
    rollout = record("succeeded", ran=True)

    assert is_back(rollout, reports("ready")["cam"])
    assert is_back(rollout, reports("bad")["cam"])
    assert not is_back(rollout, reports("active", serving=NEW)["cam"])
    assert not is_back(rollout, reports("shadow")["cam"])
    assert not is_back(rollout, reports("ready", behind=1)["cam"])
