"""Every warehouse keeps devices, commands, rollouts, and who did what."""

from dataclasses import replace

from cloud_sync.core.facts import DeviceStatus
from cloud_sync.core.records import AuditRecord, CommandRecord, RolloutEvent, RolloutRecord
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.ports import Warehouse
from edge_contract.messages import (
    Assignment,
    Birth,
    Command,
    CommandResult,
    ModelReport,
    Report,
    Target,
)
from tests.support.telemetry import DIGITS


def test_twins_come_back_as_they_were_saved(warehouse: Warehouse) -> None:
    target = Target("1.0.0", DIGITS.digest, "r1", 10, 2.5)
    twin = DeviceTwin(
        name="cam-1",
        status=DeviceStatus.OFFLINE,
        boot=3,
        boots=2,
        last_seen_unix_s=12.5,
        birth=Birth("cam-1", 3, 1.0, False, "0.1.0", {"cpus": 4}, {"site": "oslo"}),
        report=Report("cam-1", 3, 7, 9, {"digits": ModelReport(DIGITS.digest, "1.0.0")}, 2),
        assignments={"digits": Assignment(target, None)},
    )

    warehouse.save_fleet(twins=[DeviceTwin("cam-2", DeviceStatus.ONLINE)])
    warehouse.save_fleet(twins=[DeviceTwin("cam-1", DeviceStatus.ONLINE), twin])

    assert warehouse.devices() == [twin, DeviceTwin("cam-2", DeviceStatus.ONLINE)]


def test_commands_keep_the_first_answer_of_each_device(warehouse: Warehouse) -> None:
    command = Command("c1", "ping", 100.0, {"count": 3})
    record = CommandRecord(command, ("cam-1", "cam-2"), 1.0, "alice")
    answer = CommandResult("cam-1", "c1", ok=True, detail="pong")
    warehouse.save_fleet(commands=[record])

    warehouse.save_fleet(
        results=[
            (answer, 2.0),
            (CommandResult("cam-1", "c1", ok=False), 3.0),
            (CommandResult("cam-1", "c9", ok=True), 3.0),
        ]
    )

    assert warehouse.command("c1") == CommandRecord(
        command, ("cam-1", "cam-2"), 1.0, "alice", {"cam-1": answer}
    )
    assert warehouse.command("c9") is None


def test_open_commands_are_those_that_have_not_expired(warehouse: Warehouse) -> None:
    first = CommandRecord(Command("c1", "ping", 10.0), (), 1.0, "alice")
    second = CommandRecord(Command("c2", "ping", 20.0), (), 2.0, "alice")
    warehouse.save_fleet(commands=[first, second])

    assert warehouse.open_commands(10.0) == [second]
    assert warehouse.commands() == [second, first]
    assert warehouse.commands(limit=1) == [second]
    assert warehouse.commands(after="c2") == [first]
    assert warehouse.commands(after="c9") == []


def test_an_answer_that_a_command_was_taken_up_is_replaced_by_the_final_one(
    warehouse: Warehouse,
) -> None:
    command = Command("c1", "collect-logs", 10.0)
    record = CommandRecord(
        command, ("cam-1",), 1.0, "alice", audience="group pilot", timeout_s=30.0
    )
    taken = CommandResult("cam-1", "c1", ok=True, detail="on it", final=False)
    done = CommandResult("cam-1", "c1", ok=True, detail="done")
    warehouse.save_fleet(commands=[record])

    warehouse.save_fleet(results=[(taken, 2.0)])
    between = warehouse.open_commands(39.0)
    warehouse.save_fleet(results=[(done, 3.0)])
    warehouse.save_fleet(results=[(taken, 4.0)])

    assert between == [replace(record, results={"cam-1": taken})]
    assert warehouse.command("c1") == replace(record, results={"cam-1": done})
    assert warehouse.open_commands(40.0) == []


def test_a_rollout_keeps_its_history_and_the_state_of_each_device(warehouse: Warehouse) -> None:
    warehouse.save_rollout(
        RolloutRecord("r1", 1.0, {"state": "running"}),
        events=[RolloutEvent(1.0, "started"), RolloutEvent(2.0, "widened", {"rows": 900})],
        executions={"cam-1": "queued", "cam-2": "queued"},
    )
    warehouse.save_rollout(RolloutRecord("r2", 5.0, {}))
    warehouse.save_rollout(
        RolloutRecord("r1", 1.0, {"state": "succeeded"}),
        events=[RolloutEvent(3.0, "finished")],
        executions={"cam-2": "succeeded"},
    )

    assert warehouse.rollouts() == [
        RolloutRecord("r2", 5.0, {}),
        RolloutRecord("r1", 1.0, {"state": "succeeded"}),
    ]
    assert warehouse.rollout_events("r1") == [
        RolloutEvent(1.0, "started"),
        RolloutEvent(2.0, "widened", {"rows": 900}),
        RolloutEvent(3.0, "finished"),
    ]
    assert warehouse.executions("r1") == {"cam-1": "queued", "cam-2": "succeeded"}
    assert warehouse.executions("r2") == {}


def test_who_did_what_is_kept_newest_first(warehouse: Warehouse) -> None:
    push = AuditRecord(1.0, "alice", "push", "digits@1.0.0", {"size": 5})
    start = AuditRecord(2.0, "bob", "rollout.start", "r1")

    warehouse.add_audit(push)
    warehouse.add_audit(start)

    found = warehouse.audit()
    assert [replace(record, number=0) for record in found] == [start, push]
    assert found[0].number > found[1].number
    assert warehouse.audit(limit=1) == found[:1]
    assert warehouse.audit(before=found[0].number) == found[1:]
    assert warehouse.audit(action="rollout") == found[:1]
    assert warehouse.audit(action="roll") == []
