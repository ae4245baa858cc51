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
