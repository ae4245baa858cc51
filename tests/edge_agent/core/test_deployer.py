"""What one device does with the versions that the cloud wants: installing and trials."""

import pytest

from edge_agent.core.deployer import Deployer
from edge_agent.core.effects import FetchPackage, LoadPackage, Route
from edge_contract.messages import Assignment, ModelReport, SlotReport, Target
from tests.support.agent_slots import V1, V2, V3, Device, on_trial


def test_the_first_version_is_fetched_verified_and_serves_without_a_trial() -> None:
    deployer = Deployer("digits")

    wanted = deployer.on_desired(Assignment(V1), "http://packages", 0.0)
    fetched = deployer.on_fetched(V1.digest, 1.0)
    loaded = deployer.on_loaded(V1.digest, "CPU", 2.0)

    assert wanted == [FetchPackage(V1.digest, "http://packages")]
    assert fetched == [LoadPackage(V1.digest)]
    assert loaded[0] == Route(V1.digest)
    assert deployer.report() == ModelReport(
        serving=V1.digest,
        version="1.0.0",
        provider="CPU",
        slots=(SlotReport("A", "active", "1.0.0", V1.digest), SlotReport("B", "empty")),
    )


def test_why_a_version_does_not_run_where_it_was_wished_is_reported() -> None:
    deployer = Deployer("digits")
    deployer.on_desired(Assignment(V1), "http://packages", 0.0)
    deployer.on_fetched(V1.digest, 1.0)

    deployer.on_loaded(V1.digest, "CPU", 2.0, fallback="there is no CUDA here")

    assert deployer.report().fallback == "there is no CUDA here"


def test_nothing_is_reported_as_serving_before_calls_go_there() -> None:
    device = Device()

    device.want(V1)
    device.fetched(V1)

    assert device.states == {"1.0.0": "verifying"}
    assert device.deployer.report().serving == ""


def test_the_same_wish_again_starts_nothing_twice() -> None:
    device = Device()

    device.want(V1)
    device.want(V1)
    device.fetched(V1)
    device.want(V1)

    assert device.fetches == [V1.digest]
    assert device.loading == {V1.digest}


def test_a_wish_for_nothing_keeps_what_is_there() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)

    device.want(V2)
    device.want(None)

    assert device.states == {"1.0.0": "active", "2.0.0": "downloading"}


def test_a_new_version_serves_on_trial_with_the_good_one_behind_it() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)

    device.want(V2)
    downloading = device.states
    device.fetched(V2)
    verifying = device.states
    device.loads(V2)

    assert downloading == {"1.0.0": "active", "2.0.0": "downloading"}
    assert verifying == {"1.0.0": "active", "2.0.0": "verifying"}
    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}
    assert device.route == Route(V2.digest, fallback=V1.digest)
    assert device.deployer.last_good == V1.digest


@pytest.mark.parametrize(
    ("seconds", "calls", "state"),
    [(59.0, 5, "trial"), (60.0, 4, "trial"), (60.0, 5, "active")],
)
def test_a_trial_ends_by_calls_and_time(seconds: float, calls: int, state: str) -> None:
    device = on_trial()

    device.answers(V2, calls)
    device.wait(seconds)

    assert device.states["2.0.0"] == state


def test_a_trial_that_is_over_in_time_ends_with_the_call_that_was_missing() -> None:
    device = on_trial()
    device.wait(1000.0)
    overdue = device.deployer.wake_at_s

    device.answers(V2, 5)

    assert overdue is None, "only calls can end it: a timer would wake the agent for ever"
    assert device.states == {"1.0.0": "ready", "2.0.0": "active"}
    assert device.deployer.last_good == V2.digest
    assert device.route == Route(V2.digest)


def test_a_trial_with_enough_calls_wakes_the_agent_when_its_time_is_over() -> None:
    device = on_trial()

    device.answers(V2, 7)

    assert device.deployer.wake_at_s == device.now_s + 60.0


def test_calls_of_another_version_do_not_count_for_a_trial() -> None:
    device = on_trial()

    device.answers(V1, 100, failures=3)
    device.wait(100.0)

    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}


def test_a_version_without_terms_serves_at_once() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    at_once = Target("2.0.0", V2.digest)

    device.want(at_once)
    device.installs(at_once)

    assert device.states == {"1.0.0": "ready", "2.0.0": "active"}


def test_files_of_older_versions_go_when_a_new_one_is_confirmed() -> None:
    device = on_trial()
    on_trial_kept = device.kept
    device.answers(V2, 5)
    device.wait(60.0)

    assert on_trial_kept == {V1.digest}
    assert device.kept == {V1.digest, V2.digest}


def test_a_third_version_takes_the_slot_of_the_first_and_frees_its_memory() -> None:
    device = on_trial()
    device.answers(V2, 5)
    device.wait(60.0)

    device.want(V3)
    device.installs(V3)

    assert device.states == {"2.0.0": "ready", "3.0.0": "trial"}
    assert device.loaded == {V2.digest, V3.digest}


def test_an_adopted_package_serves_without_network_and_without_trial() -> None:
    device = Device()

    device.carry_out(device.deployer.adopt("1.0.0", V1.digest))
    device.loads(V1)

    assert device.fetches == []
    assert device.states == {"1.0.0": "active"}
    assert device.deployer.last_good == V1.digest


def test_an_adopted_package_serves_although_the_cloud_wants_another_one_meanwhile() -> None:
    device = Device()
    device.carry_out(device.deployer.adopt("1.0.0", V1.digest))

    device.want(V2)
    device.not_fetched(V2)
    device.loads(V1)

    assert device.serves == "1.0.0"
    assert device.route == Route(V1.digest)


def test_an_adopted_package_that_cannot_run_says_why() -> None:
    device = Device()

    device.carry_out(device.deployer.adopt("1.0.0", V1.digest))
    device.cannot_load(V1)

    assert device.logs == ["digits 1.0.0 is bad on this device: golden"]
    assert device.states == {"1.0.0": "bad"}


def test_nothing_is_adopted_while_another_version_serves() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)

    device.carry_out(device.deployer.adopt("2.0.0", V2.digest))

    assert device.states == {"1.0.0": "active"}
    assert device.loading == set()


@pytest.mark.parametrize("state", ["downloading", "verifying", "bad"])
def test_a_package_may_be_adopted_in_any_state_that_the_last_life_left(state: str) -> None:
    device = Device()
    device.want(V1)
    if state != "downloading":
        device.fetched(V1)
    if state == "bad":
        device.cannot_load(V1)
    device.reboot()

    device.carry_out(device.deployer.adopt("1.0.0", V1.digest))
    device.loads(V1)

    assert device.states == {"1.0.0": "active"}
    assert device.failed == set()


def test_an_adopted_package_takes_the_place_of_what_was_being_fetched() -> None:
    device = Device()
    device.want(V1)
    device.want(V1, shadow=V2)

    device.carry_out(device.deployer.adopt("3.0.0", V3.digest))
    device.loads(V3)
    device.fetched(V1)

    assert device.states == {"3.0.0": "active"}
