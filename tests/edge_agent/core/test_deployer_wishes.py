"""What one device does when the cloud changes its mind, and when it wants a shadow."""

from edge_agent.core.effects import Route
from tests.support.agent_slots import V1, V2, V3, Device, on_trial


def test_a_rollback_during_the_trial_is_instant_and_without_trial() -> None:
    device = on_trial()

    device.want(V1)

    assert device.states == {"1.0.0": "active", "2.0.0": "ready"}
    assert device.routes[-1] == Route(V1.digest)
    assert device.failed == set()


def test_a_rollback_after_the_trial_is_instant_and_without_trial() -> None:
    """A failing call on the way back must never lead to the version that is taken back."""
    device = on_trial()
    device.answers(V2, 5)
    device.wait(60.0)

    device.want(V1)
    device.answers(V1, 3, failures=3)

    assert device.states == {"1.0.0": "active", "2.0.0": "ready"}
    assert device.route == Route(V1.digest)
    assert device.deployer.last_good == V1.digest


def test_a_version_taken_back_during_its_trial_must_stand_another_one() -> None:
    device = on_trial()
    device.answers(V2, 4)
    device.want(V1)

    device.want(V2)
    device.loads(V2)
    device.answers(V2, 4)
    device.wait(60.0)

    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}


def test_a_third_version_wanted_during_a_trial_ends_it_and_keeps_the_good_one() -> None:
    device = on_trial()

    device.want(V3)

    assert device.states == {"1.0.0": "active", "3.0.0": "downloading"}
    assert device.route == Route(V1.digest)
    device.installs(V3)
    device.answers(V3, 0, failures=1)
    assert device.serves == "1.0.0"


def test_a_trial_that_is_to_make_room_goes_on_until_the_good_version_is_loaded() -> None:
    device = on_trial()
    device.reboot()
    device.loads(V2)
    device.cannot_load(V1)

    device.want(V3)
    waiting = (device.serves, device.states)
    device.installs(V1)

    assert waiting == ("2.0.0", {"1.0.0": "downloading", "2.0.0": "trial"})
    assert device.route == Route(V1.digest)
    assert device.states == {"1.0.0": "active", "3.0.0": "downloading"}


def test_a_shadow_wanted_during_a_trial_waits_for_its_end() -> None:
    device = on_trial()

    device.want(V2, shadow=V3)
    during = device.states
    device.answers(V2, 5)
    device.wait(60.0)

    assert during == {"1.0.0": "ready", "2.0.0": "trial"}
    assert device.states == {"2.0.0": "active", "3.0.0": "downloading"}


def test_a_shadow_waits_no_longer_when_the_trial_has_failed() -> None:
    device = on_trial()
    device.want(V2, shadow=V3)

    device.answers(V2, 0, failures=1)

    assert device.states == {"1.0.0": "active", "3.0.0": "downloading"}


def test_a_change_of_mind_does_not_wait_for_an_unwanted_download() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)

    device.want(V3)
    both = set(device.fetching)
    device.installs(V3)
    device.fetched(V2)

    assert both == {V2.digest, V3.digest}
    assert device.states == {"1.0.0": "ready", "3.0.0": "trial"}
    assert device.loading == set()


def test_a_download_that_is_not_wanted_any_more_leads_nowhere() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)

    device.want(V1)
    given_up = device.states
    device.fetched(V2)

    assert given_up == {"1.0.0": "active"}
    assert device.loading == set()


def test_a_version_unwanted_while_it_was_verified_is_forgotten_with_a_restart() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)
    device.fetched(V2)
    device.want(V1)

    device.reboot()

    assert device.states == {"1.0.0": "active"}
    assert device.loading == {V1.digest}


def test_a_change_of_mind_and_back_goes_on_with_the_first_download() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)
    device.want(V3)

    device.want(V2)
    device.installs(V2)
    device.not_fetched(V3, permanent=True)

    assert device.fetches == [V1.digest, V2.digest, V3.digest]
    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}
    assert device.failed == set()


def test_a_version_unwanted_while_it_is_verified_makes_room_afterwards() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)
    device.fetched(V2)

    device.want(V3)
    waiting = device.states
    device.loads(V2)

    assert waiting == {"1.0.0": "active", "2.0.0": "verifying"}
    assert device.states == {"1.0.0": "active", "3.0.0": "downloading"}
    assert device.loaded == {V1.digest}


def test_a_shadow_sees_calls_until_it_is_not_wanted_any_more() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)

    device.want(V1, shadow=V2)
    device.installs(V2)
    on = device.route
    device.want(V1)

    assert on == Route(V1.digest, shadow=V2.digest)
    assert device.route == Route(V1.digest)
    assert device.states == {"1.0.0": "active", "2.0.0": "ready"}
    assert device.loaded == {V1.digest}, "a session that nobody needs takes no memory"


def test_a_shadow_that_is_to_serve_starts_its_trial_at_once() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V1, shadow=V2)
    device.installs(V2)

    device.want(V2)

    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}
    assert device.route == Route(V2.digest, fallback=V1.digest)


def test_a_version_wanted_in_both_roles_serves() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)

    device.want(V2, shadow=V2)
    device.installs(V2)

    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}
    assert device.fetches == [V1.digest, V2.digest]


def test_a_good_version_in_the_shadow_of_its_successor_can_come_back() -> None:
    device = on_trial()
    device.answers(V2, 5)
    device.wait(60.0)
    device.want(V2, shadow=V1)
    on = device.route

    device.want(V1)

    assert on == Route(V2.digest, shadow=V1.digest)
    assert device.states == {"1.0.0": "active", "2.0.0": "ready"}


def test_a_shadow_that_cannot_run_is_bad_and_harms_nobody() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V1, shadow=V2)
    device.fetched(V2)

    device.cannot_load(V2)

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}
    assert device.route == Route(V1.digest)


def test_a_shadow_never_serves_in_place_of_a_version_whose_files_are_damaged() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V1, shadow=V2)
    device.installs(V2)
    device.reboot()

    device.cannot_load(V1)

    assert device.serves == ""
    assert device.states == {"1.0.0": "downloading", "2.0.0": "ready"}


def test_why_a_candidate_rests_is_told_while_it_is_in_the_shadow() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V1, shadow=V2)
    device.installs(V2)

    device.carry_out(device.deployer.on_shadow(V2.digest, "rests for 10 min: slow"))
    assert device.deployer.report().slots[1].detail == "rests for 10 min: slow"
    assert device.logs[-1] == "digits 2.0.0 in the shadow rests for 10 min: slow"

    device.want(V1)
    device.want(V1, shadow=V2)
    device.carry_out(device.deployer.on_shadow(V2.digest, ""))
    assert device.deployer.report().slots[1].detail == ""
