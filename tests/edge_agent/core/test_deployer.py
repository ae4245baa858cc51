"""What one device does with the versions that the cloud wants, step by step."""

import json

import pytest

from edge_agent.core.deployer import Deployer
from edge_agent.core.effects import FetchPackage, LoadPackage, Log, Route
from edge_agent.core.wording import MOST_CHARACTERS
from edge_contract.errors import PackageError
from edge_contract.messages import Assignment, ModelReport, SlotReport, Target
from edge_contract.reading import JsonObject, Reader
from tests.support.agent_slots import V1, V2, V3, Device, on_trial

# The first version.


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


# The second version.


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


# Failures.


def test_a_failed_call_on_trial_goes_back_at_once_and_the_digest_is_remembered() -> None:
    device = on_trial()
    device.answers(V2, 3)

    device.answers(V2, 0, failures=1)

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}
    assert device.route == Route(V1.digest)
    assert device.loaded == {V1.digest}
    assert device.failed == {V2.digest}
    bad = device.deployer.report().slot_of(V2.digest)
    assert bad is not None
    assert bad.detail == "1 calls failed on trial, after 3 good ones"


def test_a_version_that_failed_is_not_tried_again_however_often_it_is_wanted() -> None:
    device = on_trial()
    device.answers(V2, 0, failures=1)

    device.want(V1)
    device.want(V2)
    device.reboot()
    device.loads(V1)
    device.want(V2)

    assert device.serves == "1.0.0"
    assert device.fetches == [V1.digest, V2.digest]


def test_a_version_that_failed_may_be_tried_again_once_it_is_cleared() -> None:
    device = on_trial()
    device.answers(V2, 0, failures=1)

    device.carry_out(device.deployer.clear_bad(device.now_s))
    device.installs(V2)

    assert device.states == {"1.0.0": "ready", "2.0.0": "trial"}


def test_failing_golden_vectors_leave_the_serving_version_untouched() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    before = list(device.routes)
    device.want(V2)
    device.fetched(V2)

    device.cannot_load(V2)

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}
    assert device.routes == before
    assert device.failed == {V2.digest}


def test_the_slot_of_a_bad_version_is_used_for_the_next_one_and_its_failure_reported() -> None:
    device = on_trial()
    device.answers(V2, 0, failures=1)
    device.want(V2, shadow=V3)

    device.installs(V3)

    assert device.states == {"1.0.0": "active", "3.0.0": "shadow"}
    assert device.deployer.report().slots[2] == SlotReport(
        "-", "bad", "2.0.0", V2.digest, "1 calls failed on trial, after 0 good ones"
    )


def test_a_failed_version_wanted_in_both_roles_is_reported_once() -> None:
    device = on_trial()
    device.answers(V2, 0, failures=1)
    device.want(V3)

    device.want(V2, shadow=V2)

    assert [slot.slot for slot in device.deployer.report().slots] == ["A", "B", "-"]


def test_a_first_version_that_cannot_run_leaves_room_for_the_next_one() -> None:
    device = Device()
    device.want(V1)
    device.fetched(V1)
    device.cannot_load(V1)
    nothing = device.serves

    device.want(V2)
    device.installs(V2)

    assert nothing == ""
    assert device.serves == "2.0.0"


def test_a_reason_of_any_length_and_content_can_be_told_and_read_again() -> None:
    device = Device()
    device.want(V1)
    device.fetched(V1)
    reason = "no \udcff file " + "x" * 100_000

    device.loading.clear()
    device.carry_out(device.deployer.on_load_failed(V1.digest, reason, 0.0))
    device.reboot()

    (bad,) = [slot for slot in device.deployer.slots if slot.version]
    assert bad.detail.startswith("no ? file xxx")
    assert len(bad.detail) == MOST_CHARACTERS


def test_only_the_latest_failures_are_remembered() -> None:
    device = Device()
    targets = [Target(f"0.{number}.0", f"sha256:{number:064x}") for number in range(20, 40)]

    for target in targets:
        device.want(target)
        device.fetched(target)
        device.cannot_load(target)

    assert device.failed == {target.digest for target in targets[-16:]}


# Downloads.


def test_a_broken_download_is_tried_again_after_longer_and_longer_waits() -> None:
    device = Device()
    device.want(V1)
    waits = []

    for _ in range(9):
        device.not_fetched(V1)
        assert device.deployer.wake_at_s is not None
        waits.append(device.deployer.wake_at_s - device.now_s)
        device.wait(waits[-1] - 0.5)
        assert device.fetching == set()
        device.wait(0.5)
        assert device.fetching == {V1.digest}

    assert waits == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0]


def test_a_broken_download_says_why_and_when_it_goes_on() -> None:
    device = Device()
    device.want(V1)

    device.not_fetched(V1)

    assert device.logs == ["digits 1.0.0: connection lost; trying again in 5 s"]
    assert device.deployer.report().slots[0].detail == "connection lost; trying again in 5 s"


def test_a_new_wish_ends_the_wait_of_a_broken_download() -> None:
    device = Device()
    device.want(V1)
    device.not_fetched(V1)

    device.want(V1)

    assert device.fetching == {V1.digest}
    assert device.deployer.wake_at_s is None


def test_after_a_success_the_waits_are_short_again() -> None:
    device = Device()
    device.want(V1)
    for wait_s in (5.0, 10.0):
        device.not_fetched(V1)
        device.wait(wait_s)
    device.fetched(V1)
    detail = device.deployer.report().slots[0].detail
    device.loads(V1)
    device.reboot()

    device.cannot_load(V1)
    device.wait(5.0)
    device.installs(V1)
    device.reboot()
    device.cannot_load(V1)

    assert detail == ""
    assert device.deployer.wake_at_s == device.now_s + 5.0


def test_a_download_that_cannot_succeed_makes_the_version_bad() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)

    device.not_fetched(V2, permanent=True)
    device.want(V2)

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}
    assert device.fetches == [V1.digest, V2.digest]


# The cloud changes its mind.


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


# The shadow.


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


# Restarts.


def test_a_restart_during_a_download_goes_on_with_it() -> None:
    device = Device()
    device.want(V1)

    device.reboot()
    device.installs(V1)

    assert device.serves == "1.0.0"


def test_a_restart_while_verifying_needs_no_network() -> None:
    device = Device()
    device.want(V1)
    device.fetched(V1)

    device.reboot()
    device.loads(V1)

    assert device.fetches == [V1.digest]
    assert device.serves == "1.0.0"


def test_after_a_restart_what_serves_is_loaded_before_anything_is_fetched() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)
    restarted = restored(json.loads(json.dumps(device.deployer.to_json())))

    effects = restarted.on_start(0.0)

    assert effects == [LoadPackage(V1.digest), FetchPackage(V2.digest, ":8080/packages")]


def test_after_a_restart_what_can_serve_is_loaded_before_anything_is_fetched() -> None:
    device = Device()
    device.want(V2)
    device.installs(V2)
    device.want(V1)
    device.installs(V1)
    device.answers(V1, 5)
    device.wait(60.0)
    device.want(V2)
    device.reboot()
    device.cannot_load(V2)
    restarted = restored(json.loads(json.dumps(device.deployer.to_json())))

    effects = restarted.on_start(0.0)

    assert device.states == {"2.0.0": "downloading", "1.0.0": "ready"}
    assert effects == [LoadPackage(V1.digest), FetchPackage(V2.digest, ":8080/packages")]


def test_a_restart_deletes_no_files() -> None:
    device = on_trial()

    device.reboot()
    device.loads(V1, V2)

    assert device.kept is None


def test_a_restart_in_the_shadow_resumes_it() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V1, shadow=V2)
    device.installs(V2)

    device.reboot()
    device.loads(V1, V2)

    assert device.route == Route(V1.digest, shadow=V2.digest)
    assert device.fetches == [V1.digest, V2.digest]


def test_after_a_restart_on_trial_the_good_version_answers_until_the_other_is_loaded() -> None:
    device = on_trial()
    device.reboot()

    device.loads(V1)
    meanwhile = (device.serves, device.states)
    device.loads(V2)

    assert meanwhile == ("1.0.0", {"1.0.0": "ready", "2.0.0": "trial"})
    assert device.routes == [Route(V1.digest), Route(V2.digest, fallback=V1.digest)]


def test_after_a_restart_no_trial_goes_on_before_its_fallback_is_loaded() -> None:
    device = on_trial()
    device.reboot()

    device.loads(V2)
    alone = list(device.routes)
    device.loads(V1)

    assert alone == []
    assert device.routes == [Route(V2.digest, fallback=V1.digest)]


def test_a_restarted_trial_begins_anew_when_the_version_answers() -> None:
    device = on_trial()
    device.answers(V2, 5)
    device.reboot()
    device.wait(100.0)

    device.loads(V1, V2)
    device.wait(59.0)
    uncalled = device.states["2.0.0"]
    device.answers(V2, 5)
    too_early = device.states["2.0.0"]
    device.wait(1.0)

    assert (uncalled, too_early, device.states["2.0.0"]) == ("trial", "trial", "active")


def test_a_version_still_on_trial_after_two_restarts_is_given_up() -> None:
    device = on_trial()
    for _ in range(2):
        device.reboot()
        device.loads(V1, V2)

    device.reboot()
    device.loads(V1)

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}
    assert device.serves == "1.0.0"
    assert device.failed == {V2.digest}


def test_two_restarts_on_trial_are_forgiven() -> None:
    device = on_trial()
    for _ in range(2):
        device.reboot()
        device.loads(V1, V2)

    device.answers(V2, 5)
    device.wait(60.0)

    assert device.states == {"1.0.0": "ready", "2.0.0": "active"}


def test_a_version_that_kills_the_agent_while_it_is_verified_is_given_up() -> None:
    device = Device()
    device.want(V1)
    device.installs(V1)
    device.want(V2)
    device.fetched(V2)

    for _ in range(3):
        device.reboot()
        device.loads(V1)

    assert device.states == {"1.0.0": "active", "2.0.0": "bad"}
    assert device.loading == set()


def test_the_only_version_is_verified_after_however_many_restarts() -> None:
    device = Device()
    device.want(V1)
    device.fetched(V1)

    for _ in range(5):
        device.reboot()
    device.loads(V1)

    assert device.serves == "1.0.0"


def test_a_rollback_after_a_restart_loads_the_good_version_first() -> None:
    device = on_trial()
    device.answers(V2, 5)
    device.wait(60.0)
    device.reboot()
    device.loads(V2)

    device.want(V1)
    loading = device.serves
    device.loads(V1)

    assert loading == "2.0.0"
    assert device.serves == "1.0.0"
    assert device.states["1.0.0"] == "active"


# Damaged files.


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


# By hand.


def test_an_adopted_package_serves_without_network_and_without_trial() -> None:
    device = Device()

    device.carry_out(device.deployer.adopt("1.0.0", V1.digest))
    device.loads(V1)

    assert device.fetches == []
    assert device.states == {"1.0.0": "active"}
    assert device.deployer.last_good == V1.digest


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


# Answers and journals that make no sense.


def test_answers_that_nobody_waits_for_change_nothing() -> None:
    device = on_trial()
    deployer = device.deployer
    before = deployer.to_json()

    assert deployer.on_fetched(V2.digest, 0.0) == []
    assert deployer.on_fetch_failed(V3.digest, "late", 0.0, permanent=True) == []
    assert deployer.on_loaded(V3.digest, "CPU", 0.0) == []
    assert deployer.on_load_failed(V1.digest, "late", 0.0) == []
    assert deployer.to_json() == before


def restored(document: JsonObject) -> Deployer:
    return Deployer.from_json("digits", Reader(document, "journal", PackageError))


def test_a_journal_survives_writing_and_reading_unchanged() -> None:
    device = on_trial()
    device.answers(V2, 0, failures=1)
    document = json.loads(json.dumps(device.deployer.to_json()))

    assert restored(document).to_json() == device.deployer.to_json()


@pytest.mark.parametrize(
    ("field", "wrong", "message"),
    [
        ("slots", [["active", "1.0.0", V1.digest, "", "", True, 0]], r"slots\[1\] is missing"),
        ("slots", [["asleep", "", "", "", "", False, 0]] * 2, "text that matches empty"),
        (
            "slots",
            [["active", "1.0.0", V1.digest, "", "", True, 0]] * 2,
            "at most one slot that serves",
        ),
        ("wanted", [["1.0.0", "sha256:short", "", 0, 0.0], None], "text that matches"),
        ("trial", [-1, 0.0], "a whole number from 0"),
        ("failed", [], "an object"),
    ],
)
def test_a_damaged_journal_is_refused_with_its_place(
    field: str, wrong: list[object], message: str
) -> None:
    document = json.loads(json.dumps(on_trial().deployer.to_json())) | {field: wrong}

    with pytest.raises(PackageError, match=message):
        restored(document)


def test_logs_name_model_and_version() -> None:
    deployer = Deployer("digits")
    deployer.on_desired(Assignment(V1), "http://packages", 0.0)
    deployer.on_fetched(V1.digest, 0.0)

    effects = deployer.on_loaded(V1.digest, "CPU", 0.0)

    assert Log("info", "digits 1.0.0 serves (000000000000)") in effects
