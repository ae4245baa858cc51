from dataclasses import replace

import pytest

from cloud_sync.core.fleet import Fleet, FleetConfig
from cloud_sync.core.fleet_effects import FleetEffect, SaveCommand, SaveResult, SendCommand
from cloud_sync.core.records import CommandRecord
from edge_contract.errors import UsageError
from edge_contract.messages import Birth, Command, CommandResult, Death

PING = Command("c1", "ping", expires_unix_s=100.0)
ORDER = CommandRecord(PING, ("cam-1", "cam-2"), 0.0, "alice")


def fleet_of(*online: str, away: tuple[str, ...] = ()) -> Fleet:
    fleet = Fleet(FleetConfig(lease_s=1e9), now_unix_s=0.0)
    for device in (*online, *away):
        fleet.on_event(Birth(device, 1, 0.0, True, "0.1.0"), now_unix_s=0.0)
    for device in away:
        fleet.on_event(Death(device, 1, "lost"), now_unix_s=0.0)
    return fleet


def sent_to(effects: list[FleetEffect]) -> list[str]:
    return [effect.device for effect in effects if isinstance(effect, SendCommand)]


def test_a_command_is_saved_before_it_is_sent() -> None:
    fleet = fleet_of("cam-1", "cam-2")

    effects = fleet.send(ORDER, now_unix_s=1.0)

    assert effects == [SaveCommand(ORDER), SendCommand("cam-1", PING), SendCommand("cam-2", PING)]


def test_a_command_is_repeated_to_those_that_have_not_answered() -> None:
    fleet = fleet_of("cam-1", "cam-2")
    fleet.send(ORDER, now_unix_s=0.0)
    answer = CommandResult("cam-2", "c1", ok=True, detail="pong")

    effects = fleet.on_event(answer, now_unix_s=1.0)

    assert effects == [SaveResult(answer, 1.0)]
    assert sent_to(fleet.on_tick(4.9)) == []
    assert sent_to(fleet.on_tick(5.0)) == ["cam-1"]


def test_a_device_that_is_away_gets_the_command_when_it_is_back() -> None:
    fleet = fleet_of("cam-1", away=("cam-2",))

    now = fleet.send(ORDER, now_unix_s=0.0)
    fleet.on_event(CommandResult("cam-1", "c1", ok=True), now_unix_s=1.0)
    fleet.on_event(Birth("cam-2", 2, 0.0, True, "0.1.0"), now_unix_s=50.0)

    assert sent_to(now) == ["cam-1"]
    assert sent_to(fleet.on_tick(51.0)) == ["cam-2"]


def test_a_command_that_everybody_answered_is_over() -> None:
    fleet = fleet_of("cam-1", "cam-2")
    fleet.send(ORDER, now_unix_s=0.0)

    fleet.on_event(CommandResult("cam-1", "c1", ok=True), now_unix_s=1.0)
    fleet.on_event(CommandResult("cam-2", "c1", ok=False, detail="no"), now_unix_s=1.0)

    assert fleet.on_tick(50.0) == []


def test_an_expired_command_is_not_sent_and_a_late_answer_is_kept() -> None:
    fleet = fleet_of("cam-1", "cam-2")
    fleet.send(ORDER, now_unix_s=0.0)
    late = CommandResult("cam-1", "c1", ok=True)

    assert fleet.on_tick(100.0) == []
    assert fleet.on_event(late, now_unix_s=101.0) == [SaveResult(late, 101.0)]


def test_a_second_answer_and_one_of_a_stranger_change_nothing() -> None:
    fleet = fleet_of("cam-1", "cam-2", "cam-3")
    fleet.send(ORDER, now_unix_s=0.0)
    fleet.on_event(CommandResult("cam-1", "c1", ok=True), now_unix_s=1.0)

    again = fleet.on_event(CommandResult("cam-1", "c1", ok=False), now_unix_s=2.0)
    stranger = fleet.on_event(CommandResult("cam-3", "c1", ok=True), now_unix_s=2.0)

    assert (again, stranger) == ([], [])


def test_open_commands_go_on_after_a_restart() -> None:
    answered = CommandRecord(
        PING, ("cam-1", "cam-2"), 0.0, "alice", {"cam-1": CommandResult("cam-1", "c1", ok=True)}
    )
    twins = fleet_of("cam-1", "cam-2").twins()

    fleet = Fleet(FleetConfig(), now_unix_s=10.0, twins=twins, commands=[answered])

    assert sent_to(fleet.on_tick(11.0)) == ["cam-2"]


def test_a_command_to_an_unknown_device_is_refused_and_nothing_is_sent() -> None:
    fleet = fleet_of("cam-1")

    with pytest.raises(UsageError, match="device 'cam-2' is unknown"):
        fleet.send(ORDER, now_unix_s=0.0)
    assert fleet.on_tick(50.0) == []


def test_a_device_that_took_a_command_up_is_not_sent_it_again_and_may_finish_later() -> None:
    fleet = fleet_of("cam-1", "cam-2")
    order = replace(ORDER, timeout_s=30.0)
    fleet.send(order, now_unix_s=0.0)
    taken = CommandResult("cam-1", "c1", ok=True, detail="on it", final=False)
    done = CommandResult("cam-1", "c1", ok=True, detail="done")

    first = fleet.on_event(taken, now_unix_s=1.0)
    repeated = sent_to(fleet.on_tick(6.0))
    again = fleet.on_event(taken, now_unix_s=7.0)
    last = fleet.on_event(done, now_unix_s=120.0)

    assert first == [SaveResult(taken, 1.0)]
    assert repeated == ["cam-2"]
    assert again == []
    assert last == [SaveResult(done, 120.0)]


def test_a_restart_is_done_when_the_device_is_back_in_another_life() -> None:
    fleet = fleet_of("cam-1")
    restart = CommandRecord(Command("c2", "restart", 100.0), ("cam-1",), 0.0, "alice")

    sent = fleet.send(restart, now_unix_s=0.0)
    born = fleet.on_event(Birth("cam-1", 2, 0.0, True, "0.1.0"), now_unix_s=4.0)
    later = fleet.on_tick(30.0)

    assert sent[1:] == [SendCommand("cam-1", Command("c2", "restart", 100.0, {"life": 1}))]
    result = CommandResult("cam-1", "c2", ok=True, detail="runs again")
    assert SaveResult(result, 4.0) in born
    assert sent_to(later) == []


def test_a_device_that_comes_back_by_itself_has_still_to_be_restarted() -> None:
    fleet = fleet_of(away=("cam-1",))
    restart = CommandRecord(Command("c2", "restart", 100.0), ("cam-1",), 0.0, "alice")
    fleet.send(restart, now_unix_s=0.0)

    born = fleet.on_event(Birth("cam-1", 2, 0.0, True, "0.1.0"), now_unix_s=4.0)
    sent = fleet.on_tick(5.0)

    assert not any(isinstance(effect, SaveResult) for effect in born)
    assert sent == [SendCommand("cam-1", Command("c2", "restart", 100.0, {"life": 2}))]


def test_where_a_command_stands_on_each_device_follows_from_answers_and_time() -> None:
    results = {
        "cam-1": CommandResult("cam-1", "c1", ok=True),
        "cam-2": CommandResult("cam-2", "c1", ok=False),
        "cam-3": CommandResult("cam-3", "c1", ok=True, final=False),
    }
    devices = ("cam-1", "cam-2", "cam-3", "cam-4")
    record = CommandRecord(PING, devices, 0.0, "alice", results, timeout_s=50.0)

    before = [record.state_of(device, 100.0).value for device in devices]
    after = [record.state_of(device, 101.0).value for device in devices]
    at_last = [record.state_of(device, 151.0).value for device in devices]

    assert before == ["done", "failed", "accepted", "waiting"]
    assert after == ["done", "failed", "accepted", "timed_out"]
    assert at_last == ["done", "failed", "timed_out", "timed_out"]
    assert [record.is_over(at_s) for at_s in (100.0, 101.0, 151.0)] == [False, False, True]
