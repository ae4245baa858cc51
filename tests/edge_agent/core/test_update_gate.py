"""While the gate is closed versions come, are verified and wait; what fails goes back at once."""

from datetime import UTC, datetime

import pytest

from edge_contract.errors import UsageError
from tests.support.agent_slots import V1, V2, V3, Device, on_trial


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def serving(device: Device) -> Device:
    """The device, on which 1.0.0 serves."""
    device.want(V1)
    device.installs(V1)
    return device


def test_a_version_is_fetched_and_verified_while_the_application_holds_and_serves_after() -> None:
    device = serving(Device())
    device.holds("robot arm moves")

    device.want(V2)
    device.installs(V2)

    assert device.states == {"1.0.0": "active", "2.0.0": "ready"}
    assert device.serves == "1.0.0"
    assert device.waits_for == "waiting: held by the application: robot arm moves"
    device.lets_go("robot arm moves")
    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}
    assert device.waits_for == ""


def test_holds_nest() -> None:
    device = serving(Device())
    device.holds("a")
    device.holds("b")
    device.want(V2)
    device.installs(V2)

    device.lets_go("a")
    assert device.serves == "1.0.0"
    assert device.waits_for == "waiting: held by the application: b"

    device.lets_go("b")
    assert device.serves == "2.0.0"


def test_who_holds_nothing_cannot_let_go() -> None:
    device = serving(Device())
    device.holds("a")

    with pytest.raises(UsageError, match="not held for reason 'b'"):
        device.lets_go("b")


def test_a_version_that_waits_is_never_given_up() -> None:
    device = serving(Device())
    device.holds()
    device.want(V2)
    device.installs(V2)

    device.wait(365 * 86_400.0)

    assert device.states == {"1.0.0": "active", "2.0.0": "ready"}
    assert device.waits_for == "waiting: held by the application"


def test_the_first_version_of_a_device_waits_for_nobody() -> None:
    device = Device(["22:00-05:00 UTC"], download_only=True)
    device.looks_at_the_clock(utc("2027-01-15 12:00"))
    device.holds()

    serving(device)

    assert device.serves == "1.0.0"


def test_what_fails_on_trial_goes_back_though_the_application_holds() -> None:
    device = on_trial()
    device.holds()

    device.answers(V2, 1, failures=1)

    assert device.serves == "1.0.0"
    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}


def test_a_trial_goes_on_and_ends_well_while_the_application_holds() -> None:
    device = on_trial()
    device.holds()

    device.answers(V2, 5)
    device.wait(60.0)

    assert device.states == {"1.0.0": "ready", "2.0.0": "active"}


def test_going_back_by_order_waits_for_the_application() -> None:
    device = on_trial()
    device.holds()

    device.want(V1)

    assert device.serves == "2.0.0"
    assert device.waits_for == "waiting: held by the application"
    device.lets_go()
    assert device.serves == "1.0.0"


def test_a_trial_is_not_broken_off_for_another_version_while_the_application_holds() -> None:
    device = on_trial()
    device.holds()

    device.want(V3)

    assert device.serves == "2.0.0"
    assert device.fetching == set()
    device.lets_go()
    device.installs(V3)
    assert device.serves == "3.0.0"


def test_a_shadow_runs_whatever_is_closed() -> None:
    device = serving(Device(download_only=True))
    device.holds()

    device.want(V1, shadow=V2)
    device.installs(V2)

    assert device.route.shadow == V2.digest
    assert device.waits_for == ""


def test_a_device_that_only_downloads_waits_for_a_word() -> None:
    device = serving(Device(download_only=True))
    device.want(V2)
    device.installs(V2)

    assert device.serves == "1.0.0"
    assert device.deployer.update_ready == "2.0.0"
    assert device.waits_for == ("waiting: this device only downloads: install-update lets it serve")
    device.installs_update()
    assert device.serves == "2.0.0"
    assert device.deployer.update_ready == ""


def test_the_word_is_for_the_version_that_waits_and_no_later_one() -> None:
    device = serving(Device(download_only=True))
    device.installs_update()
    device.want(V2)
    device.installs(V2)
    assert device.serves == "1.0.0"
    device.installs_update()

    device.want(V3)
    device.installs(V3)

    assert device.states == {"1.0.0": "active", "3.0.0": "ready"}
    assert device.waits_for.startswith("waiting: this device only downloads")


def test_the_word_is_remembered_until_the_application_lets_go_and_through_a_restart() -> None:
    device = serving(Device(download_only=True))
    device.want(V2)
    device.installs(V2)
    device.holds()
    device.installs_update()
    assert device.serves == "1.0.0"

    device.reboot()  # what the application held is gone with it
    device.loads(V1, V2)

    assert device.serves == "2.0.0"


def test_going_back_to_a_good_version_needs_no_word_and_no_window() -> None:
    device = serving(Device(["22:00-05:00 UTC"], download_only=True))
    device.looks_at_the_clock(utc("2027-01-15 12:00"))
    device.want(V2)
    device.installs(V2)
    device.installs_update()
    assert device.serves == "2.0.0"

    device.want(V1)

    assert device.serves == "1.0.0"


def test_a_version_waits_for_the_maintenance_window() -> None:
    device = serving(Device(["22:00-05:00 Europe/Oslo"]))
    device.looks_at_the_clock(utc("2027-01-15 20:59"))  # 21:59 in Oslo
    device.want(V2)
    device.installs(V2)

    assert device.serves == "1.0.0"
    assert device.waits_for == (
        "waiting: until the maintenance window 22:00-05:00 Europe/Oslo opens"
    )
    assert device.deployer.wake_at_s == device.now_s + 60.0
    device.wait(60.0)
    assert device.serves == "2.0.0"


def test_a_version_that_comes_while_the_window_is_open_serves_at_once() -> None:
    device = serving(Device(["00:00-01:00 UTC", "12:00-13:00 UTC"]))
    device.looks_at_the_clock(utc("2027-01-15 11:59:30"))
    device.now_s += 40.0

    device.want(V2)
    device.installs(V2)

    assert device.serves == "2.0.0"


@pytest.mark.parametrize("wrong", ["1970-01-01 23:00", "2023-12-31 23:00", "2200-01-01 23:00"])
def test_with_a_clock_that_was_never_set_versions_wait_until_it_is(wrong: str) -> None:
    device = serving(Device(["22:00-05:00 UTC"]))
    device.looks_at_the_clock(utc(wrong))
    device.want(V2)
    device.installs(V2)

    assert device.serves == "1.0.0"
    assert device.waits_for == (
        "waiting: the clock is wrong, so nobody knows whether a maintenance window is open"
    )
    device.looks_at_the_clock(utc("2027-01-15 23:00"))
    assert device.serves == "2.0.0"


def test_with_a_clock_that_was_never_set_a_word_is_enough() -> None:
    device = serving(Device(["22:00-05:00 UTC"]))
    device.looks_at_the_clock(0.0)
    device.want(V2)
    device.installs(V2)

    device.installs_update()

    assert device.serves == "2.0.0"


def test_a_version_that_is_no_longer_wanted_does_not_wait_any_more() -> None:
    device = serving(Device(download_only=True))
    device.want(V2)
    device.installs(V2)

    device.want(V1)

    assert device.waits_for == ""
    assert device.loaded == {V1.digest}


def test_restarts_are_not_held_against_a_version_that_waits() -> None:
    device = serving(Device(download_only=True))
    device.want(V2)
    device.installs(V2)

    for _ in range(5):
        device.reboot()
        device.loads(V1, V2)

    assert device.states == {"1.0.0": "active", "2.0.0": "ready"}


def test_a_version_that_waits_and_crashes_the_agent_when_it_is_loaded_is_given_up() -> None:
    device = serving(Device(download_only=True))
    device.want(V2)
    device.installs(V2)

    for _ in range(3):
        device.reboot()
        device.loads(V1)  # and the process dies with the other one

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}
    assert device.logs == ["digits 2.0.0 is bad on this device: still ready after 2 restarts"]


def test_a_version_that_crashes_the_agent_from_the_shadow_is_given_up() -> None:
    device = serving(Device())
    device.want(V1, shadow=V2)
    device.installs(V2)

    for _ in range(2):
        device.reboot()
        device.loads(V1, V2)
    assert device.states == {"1.0.0": "active", "2.0.0": "shadow"}
    device.reboot()

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}
    assert device.logs == ["digits 2.0.0 is bad on this device: still shadow after 2 restarts"]


def test_restarts_are_forgotten_once_a_version_ran_in_the_shadow_for_a_while() -> None:
    device = serving(Device())
    device.want(V1, shadow=V2)
    device.installs(V2)

    for _ in range(5):
        device.reboot()
        device.loads(V1, V2)
        device.wait(60.0)

    assert device.states == {"1.0.0": "active", "2.0.0": "shadow"}


def test_the_cloud_is_told_what_keeps_updates_waiting() -> None:
    device = serving(Device(["sat,sun 00:00-24:00 UTC"], download_only=True))
    device.looks_at_the_clock(utc("2027-01-15 12:00"))
    device.holds("night shift")

    assert device.deployer.report().updates == (
        "held by the application: night shift; download only; "
        "maintenance window sat,sun 00:00-00:00 UTC (closed)"
    )
    device.lets_go("night shift")
    device.looks_at_the_clock(utc("2027-01-16 12:00"))
    assert device.deployer.report().updates == (
        "download only; maintenance window sat,sun 00:00-00:00 UTC (open)"
    )
