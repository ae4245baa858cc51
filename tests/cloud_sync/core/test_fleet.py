import json
from dataclasses import replace

import pytest

from cloud_sync.core.facts import DeviceStatus
from cloud_sync.core.fleet import Fleet, FleetConfig
from cloud_sync.core.fleet_effects import FleetEffect, PublishDesired, SaveDevice, SendCommand
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.core.wishes import FleetWishes
from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import (
    Assignment,
    Birth,
    Command,
    Death,
    DesiredState,
    ModelReport,
    Report,
    SlotReport,
    Target,
)

V1 = Target("1.0.0", "sha256:" + "1" * 64)
V2 = Target("2.0.0", "sha256:" + "2" * 64, rollout="r1")
WISHES = FleetWishes({"digits": V1}, packages_url=":8080/packages", telemetry_interval_s=20.0)


def fleet_of(*twins: DeviceTwin, config: FleetConfig | None = None) -> Fleet:
    return Fleet(config or FleetConfig(), now_unix_s=0.0, wishes=WISHES, twins=twins)


def birth(boot: int = 1, device: str = "cam-7") -> Birth:
    return Birth(device, boot, 0.0, True, "0.1.0", {"cpus": 4}, {"site": "oslo"})


def report(
    generation: int = 0, *, boot: int = 1, number: int = 0, models: tuple[str, ...] = ("digits",)
) -> Report:
    return Report(
        "cam-7", boot, number, generation, {model: ModelReport("", "") for model in models}
    )


def published(effects: list[FleetEffect]) -> list[DesiredState]:
    return [effect.state for effect in effects if isinstance(effect, PublishDesired)]


def asked(effects: list[FleetEffect]) -> list[Command]:
    return [effect.command for effect in effects if isinstance(effect, SendCommand)]


def status(fleet: Fleet) -> DeviceStatus:
    return fleet.twin("cam-7").status


def test_a_device_says_itself_that_it_adds_noise() -> None:
    fleet = fleet_of()
    fleet.on_event(birth(), now_unix_s=1.0)
    quiet = fleet.adds_noise("cam-7")

    noisy = replace(birth(2), facts={"cpus": 4, "noise_epsilon": 1.0})
    fleet.on_event(noisy, now_unix_s=2.0)

    assert (quiet, fleet.adds_noise("cam-7"), fleet.adds_noise("cam-8")) == (False, True, False)


def test_a_device_that_reports_a_model_is_given_its_stable_version() -> None:
    fleet = fleet_of()

    born = fleet.on_event(birth(), now_unix_s=1.0)
    effects = fleet.on_event(report(), now_unix_s=2.0)

    assert published(born) == []
    wanted = DesiredState(1, {"digits": Assignment(serve=V1)}, ":8080/packages", 20.0)
    assert effects == [SaveDevice(fleet.twin("cam-7")), PublishDesired("cam-7", wanted)]
    facts = fleet.facts()["cam-7"]
    assert (facts.status, facts.boot, facts.boots) == (DeviceStatus.ONLINE, 1, 1)
    assert (facts.desired_generation, facts.reported_generation) == (1, 0)
    assert facts.tags == {"site": "oslo"}
    assert facts.last_seen_unix_s == 2.0


@pytest.mark.parametrize("known_boot", [None, 1])
def test_a_device_whose_birth_was_missed_is_asked_who_it_is_until_it_says_so(
    known_boot: int | None,
) -> None:
    fleet = fleet_of()
    if known_boot is not None:
        fleet.on_event(birth(known_boot), now_unix_s=0.0)

    first = fleet.on_event(report(boot=2, number=7), now_unix_s=1.0)
    second = fleet.on_event(report(boot=2, number=8), now_unix_s=2.0)
    fleet.on_event(birth(2), now_unix_s=3.0)
    third = fleet.on_event(report(boot=2, number=9), now_unix_s=4.0)

    assert asked(first) == [Command("introduce-2-7", "introduce", 61.0)]
    assert asked(second) == [Command("introduce-2-8", "introduce", 62.0)]
    assert asked(third) == []
    assert fleet.facts()["cam-7"].tags == {"site": "oslo"}


def test_nobody_elses_model_is_pushed_onto_a_device() -> None:
    fleet = fleet_of()

    effects = fleet.on_event(report(models=("plates",)), now_unix_s=1.0)

    assert published(effects) == [DesiredState(1, {}, ":8080/packages", 20.0)]


def test_what_was_taken_up_is_not_sent_again() -> None:
    fleet = fleet_of()
    fleet.on_event(report(0), now_unix_s=1.0)

    effects = fleet.on_event(report(1, number=1), now_unix_s=2.0)

    assert published(effects) == []
    assert published(fleet.on_tick(30.0)) == []


def test_what_was_not_heard_is_repeated_ever_less_often() -> None:
    fleet = fleet_of(config=FleetConfig(lease_s=1e9, repeat_s=5.0, max_repeat_s=20.0))
    fleet.on_event(report(0), now_unix_s=0.0)

    repeated_at = [second for second in range(1, 70) if published(fleet.on_tick(float(second)))]

    assert repeated_at == [5, 15, 35, 55]


def test_a_device_that_keeps_reconnecting_is_not_sent_the_same_at_full_speed() -> None:
    fleet = fleet_of()
    fleet.on_event(report(0), now_unix_s=0.0)

    sent = [published(fleet.on_event(birth(), now_unix_s=0.1 * step)) for step in range(1, 20)]

    assert sent == [[]] * 19


def test_a_new_life_is_told_again_what_is_wanted_of_it() -> None:
    fleet = fleet_of()
    fleet.on_event(report(0), now_unix_s=0.0)
    fleet.on_event(report(1, number=1), now_unix_s=1.0)

    effects = fleet.on_event(birth(boot=2), now_unix_s=1.5)

    assert [state.generation for state in published(effects)] == [1]
    assert fleet.facts()["cam-7"].boots == 2
    assert fleet.facts()["cam-7"].reported_generation == 0


def test_a_rollout_moves_one_device_and_gives_it_back() -> None:
    fleet = fleet_of()
    fleet.on_event(report(0), now_unix_s=0.0)

    moved = fleet.set_assignment(
        "cam-7", "digits", assignment=Assignment(serve=V1, shadow=V2), now_unix_s=1.0
    )
    same = fleet.set_assignment(
        "cam-7", "digits", assignment=Assignment(serve=V1, shadow=V2), now_unix_s=2.0
    )
    back = fleet.set_assignment("cam-7", "digits", assignment=None, now_unix_s=3.0)

    assert [state.models for state in published(moved)] == [
        {"digits": Assignment(serve=V1, shadow=V2)}
    ]
    assert same == []
    assert [(s.generation, s.models) for s in published(back)] == [
        (3, {"digits": Assignment(serve=V1)})
    ]


def test_a_new_stable_version_reaches_only_devices_that_no_rollout_holds() -> None:
    fleet = fleet_of()
    for device in ("cam-1", "cam-2"):
        fleet.on_event(birth(device=device), now_unix_s=0.0)
        fleet.on_event(Report(device, 1, 0, 0, {"digits": ModelReport("", "")}), now_unix_s=0.0)
    fleet.set_assignment(
        "cam-2", "digits", assignment=Assignment(serve=V1, shadow=V2), now_unix_s=0.0
    )

    effects = fleet.set_stable("digits", V2, now_unix_s=1.0)

    assert [effect.device for effect in effects if isinstance(effect, PublishDesired)] == ["cam-1"]


def test_an_assignment_of_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="device 'cam-9' is unknown: it has never connected"):
        fleet_of().set_assignment("cam-9", "digits", assignment=None, now_unix_s=0.0)


def test_after_a_restore_from_a_backup_generations_go_on_rising() -> None:
    fleet = fleet_of()

    effects = fleet.on_event(report(41), now_unix_s=0.0)

    assert [state.generation for state in published(effects)] == [42]


def test_the_last_will_makes_a_device_unreachable_and_a_farewell_offline() -> None:
    fleet = fleet_of()
    fleet.on_event(birth(), now_unix_s=0.0)

    effects = fleet.on_event(Death("cam-7", 1, "lost"), now_unix_s=1.0)
    lost = status(fleet)
    fleet.on_event(birth(), now_unix_s=2.0)
    fleet.on_event(Death("cam-7", 1, "closed"), now_unix_s=3.0)

    assert effects == [
        SaveDevice(
            DeviceTwin("cam-7", DeviceStatus.UNREACHABLE, 1, 1, last_seen_unix_s=0.0, birth=birth())
        )
    ]
    assert lost is DeviceStatus.UNREACHABLE
    assert status(fleet) is DeviceStatus.OFFLINE


def test_the_death_of_an_older_life_means_nothing() -> None:
    fleet = fleet_of()
    fleet.on_event(birth(boot=2), now_unix_s=0.0)

    effects = fleet.on_event(Death("cam-7", 1, "lost"), now_unix_s=1.0)

    assert effects == []
    assert status(fleet) is DeviceStatus.ONLINE


def test_a_late_birth_of_an_older_life_means_nothing() -> None:
    fleet = fleet_of()
    fleet.on_event(birth(boot=2), now_unix_s=0.0)

    effects = fleet.on_event(birth(boot=1), now_unix_s=1.0)

    assert effects == []
    assert fleet.twin("cam-7").boot == 2


def test_a_report_that_arrives_late_or_twice_changes_nothing() -> None:
    fleet = fleet_of()
    fleet.on_event(report(5, boot=2, number=3), now_unix_s=0.0)

    for stale in (report(9, boot=2, number=3), report(9, boot=2, number=2), report(9, boot=1)):
        assert fleet.on_event(stale, now_unix_s=1.0) == []

    assert fleet.twin("cam-7").reported_generation == 5


def test_a_birth_after_the_reports_of_its_life_is_the_same_life() -> None:
    fleet = fleet_of()
    fleet.on_event(report(0), now_unix_s=0.0)

    fleet.on_event(birth(boot=1), now_unix_s=1.0)

    assert fleet.twin("cam-7").boots == 1
    assert fleet.twin("cam-7").birth == birth(boot=1)


def test_a_silent_device_becomes_unreachable_when_its_lease_ends() -> None:
    fleet = fleet_of()
    fleet.on_event(birth(), now_unix_s=0.0)

    assert fleet.lease_s == 120.0  # three intervals of 20 s and a minute
    assert fleet.on_tick(120.0) == []
    effects = fleet.on_tick(120.1)

    assert effects == [SaveDevice(fleet.twin("cam-7"))]
    assert status(fleet) is DeviceStatus.UNREACHABLE


def test_telemetry_keeps_a_lease_and_brings_a_device_back() -> None:
    fleet = fleet_of()
    fleet.on_event(birth(), now_unix_s=0.0)

    kept = fleet.on_heard("cam-7", 100.0)
    fleet.on_tick(200.0)
    on_time = status(fleet)
    fleet.on_tick(300.0)
    silent = status(fleet)
    back = fleet.on_heard("cam-7", 301.0)

    assert kept == []
    assert (on_time, silent) == (DeviceStatus.ONLINE, DeviceStatus.UNREACHABLE)
    assert back == [SaveDevice(fleet.twin("cam-7"))]
    assert status(fleet) is DeviceStatus.ONLINE


def test_telemetry_that_was_on_its_way_does_not_bring_back_a_device_that_said_farewell() -> None:
    fleet = fleet_of()
    fleet.on_event(birth(), now_unix_s=0.0)
    fleet.on_event(Death("cam-7", 1, "closed"), now_unix_s=1.0)

    assert fleet.on_heard("cam-7", 2.0) == []
    assert status(fleet) is DeviceStatus.OFFLINE


def test_a_device_whose_birth_was_lost_is_known_by_its_telemetry() -> None:
    fleet = fleet_of()

    effects = fleet.on_heard("cam-7", 1.0)

    assert effects == [SaveDevice(DeviceTwin("cam-7", DeviceStatus.ONLINE, last_seen_unix_s=1.0))]
    assert fleet.knows("cam-7")
    fleet.on_event(birth(boot=3), now_unix_s=2.0)
    assert (fleet.twin("cam-7").boot, fleet.twin("cam-7").boots) == (3, 1)


def test_an_unreachable_device_is_not_repeated_to() -> None:
    fleet = fleet_of()
    fleet.on_event(report(0), now_unix_s=0.0)
    fleet.on_event(Death("cam-7", 1, "lost"), now_unix_s=1.0)

    assert fleet.on_tick(60.0) == []


def test_after_a_restart_twins_are_as_they_were_and_leases_start_anew() -> None:
    before = fleet_of()
    before.on_event(birth(), now_unix_s=0.0)
    slot = SlotReport("A", "active", "1.0.0", V1.digest)
    model = ModelReport(V1.digest, "1.0.0", "CPU", (slot,))
    before.on_event(Report("cam-7", 1, 0, 0, {"digits": model}, 3), now_unix_s=0.0)
    before.set_assignment("cam-7", "digits", assignment=Assignment(shadow=V2), now_unix_s=0.0)
    saved = json.loads(json.dumps(before.twin("cam-7").to_json()))

    after = Fleet(
        FleetConfig(), now_unix_s=1000.0, wishes=WISHES, twins=[DeviceTwin.from_json(saved)]
    )

    assert after.twins() == before.twins()
    assert after.set_wishes(WISHES, 1000.0) == []
    assert [state.generation for state in published(after.on_tick(1001.0))] == [2]
    assert after.twin("cam-7").status is DeviceStatus.ONLINE


def test_new_settings_reach_every_device() -> None:
    fleet = fleet_of()
    fleet.on_event(report(0), now_unix_s=0.0)

    effects = fleet.set_wishes(FleetWishes({"digits": V1}, ":9090/packages", 20.0), 1.0)

    assert [state.packages_url for state in published(effects)] == [":9090/packages"]


def test_a_damaged_twin_is_refused() -> None:
    document = {**DeviceTwin("cam-7", DeviceStatus.ONLINE).to_json(), "status": "asleep"}

    with pytest.raises(MessageError, match=r"device\.status is 'asleep'"):
        DeviceTwin.from_json(document)


def test_times_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="lease_s must be above 0 seconds"):
        FleetConfig(lease_s=0.0)
    with pytest.raises(UsageError, match="repeat_s must be above 0 seconds"):
        FleetConfig(repeat_s=90.0)
