"""What one device does when files of a good version are damaged."""

from edge_agent.core.effects import Route
from tests.support.agent_slots import V1, V2, V3, Device, on_trial


def test_a_good_version_whose_files_are_damaged_is_fetched_again_and_serves() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.reboot()

    device.cannot_load(V1)
    detail = device.deployer.report().slots[0].detail
    device.wait(5.0)
    device.installs(V1)

    assert detail == "golden; trying again in 5 s"
    assert device.serves == "1.0.0"
    assert device.failed == set()
    assert device.fetches == [V1.digest, V1.digest]


def test_a_good_version_that_cannot_be_loaded_is_tried_less_and_less_often() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.reboot()
    waits = []

    for _ in range(4):
        device.cannot_load(V1)
        assert device.deployer.wake_at_s is not None
        waits.append(device.deployer.wake_at_s - device.now_s)
        device.wait(waits[-1])
        device.fetched(V1)

    assert waits == [5.0, 10.0, 20.0, 40.0]


def test_the_version_before_serves_while_a_damaged_one_is_fetched_again() -> None:
    device = on_trial()
    device.answers(V2, 5)
    device.wait(60.0)
    device.reboot()

    device.cannot_load(V2)
    device.loads(V1)
    meanwhile = device.serves
    device.wait(5.0)
    device.installs(V2)

    assert meanwhile == "1.0.0"
    assert device.states == {"1.0.0": "ready", "2.0.0": "active"}


def test_a_trial_goes_on_while_the_damaged_version_behind_it_is_fetched_again() -> None:
    device = on_trial()
    device.reboot()
    device.loads(V2)

    device.cannot_load(V1)
    alone = device.route
    device.wait(5.0)
    device.installs(V1)

    assert alone == Route(V2.digest)
    assert device.route == Route(V2.digest, fallback=V1.digest)
    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}


def test_when_the_last_usable_version_fails_nothing_answers_until_the_good_one_is_back() -> None:
    device = on_trial()
    device.reboot()
    device.loads(V2)
    device.cannot_load(V1)

    device.answers(V2, 0, failures=1)
    nothing = (device.route, device.serves, set(device.loaded))
    device.wait(5.0)
    device.installs(V1)

    assert nothing == (Route(""), "", set())
    assert device.serves == "1.0.0"


def test_a_good_version_is_fetched_again_though_the_cloud_wants_one_that_failed() -> None:
    device = on_trial()
    device.answers(V2, 0, failures=1)
    device.reboot()

    device.cannot_load(V1)
    device.wait(5.0)
    device.installs(V1)

    assert device.serves == "1.0.0"


def test_a_damaged_good_version_keeps_its_slot_when_the_other_is_taken() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.reboot()
    device.cannot_load(V1)
    device.want(V2)
    device.fetched(V2)

    device.want(V3)

    assert device.states == {"1.0.0": "downloading", "2.0.0": "verifying"}


def test_a_damaged_good_version_is_not_blamed_for_restarts() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.reboot()
    device.cannot_load(V1)
    device.want(V2)
    device.installs(V2)
    device.fetched(V1)

    for _ in range(3):
        device.reboot()
    device.loads(V1)

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}


def test_a_version_that_was_never_good_is_no_fallback_of_a_trial() -> None:
    device = on_trial()
    device.reboot()
    device.loads(V2)
    device.cannot_load(V1)
    device.wait(5.0)
    device.not_fetched(V1, permanent=True)
    device.want(V3)
    device.fetched(V3)
    device.want(V2)

    device.loads(V3)

    assert device.states == {"3.0.0": "ready", "2.0.0": "trial"}
    assert device.routes == [Route(V2.digest)]
    assert device.loaded == {V2.digest}


def test_another_version_wanted_meanwhile_leaves_the_damaged_good_one_its_slot() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.reboot()
    device.cannot_load(V1)

    device.want(V2)
    device.installs(V2, V1)

    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}
    assert device.route == Route(V2.digest, fallback=V1.digest)
