"""What one device does after a restart."""

import json

from edge_agent.core.effects import FetchPackage, LoadPackage, Route
from tests.support.agent_slots import V1, V2, Device, on_trial, restored


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
