"""What one device does when versions fail and downloads break off."""

import json

import pytest

from edge_agent.core.deployer import Deployer
from edge_agent.core.effects import Log, Route
from edge_agent.core.wording import MOST_CHARACTERS
from edge_contract.errors import PackageError
from edge_contract.messages import Assignment, SlotReport, Target
from tests.support.agent_slots import V1, V2, V3, Device, on_trial, restored


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
    device.want(V1, shadow=V2)
    for wait_s in (5.0, 10.0):
        device.not_fetched(V1)
        device.wait(wait_s)
    device.fetched(V1)
    detail = device.deployer.report().slots[0].detail
    device.loads(V1)

    device.not_fetched(V2)

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


def test_answers_that_nobody_waits_for_change_nothing() -> None:
    device = on_trial()
    device.want(V2, shadow=V3)
    device.answers(V2, 5)
    device.wait(60.0)
    device.not_fetched(V3)
    deployer = device.deployer
    before = deployer.to_json()

    assert deployer.on_fetched(V3.digest, 0.0) == []
    assert deployer.on_fetch_failed(V3.digest, "late", 0.0, permanent=True) == []
    assert deployer.on_loaded(V3.digest, "CPU", 0.0) == []
    assert deployer.on_load_failed(V1.digest, "late", 0.0) == []
    assert deployer.to_json() == before


def test_a_journal_survives_writing_and_reading_unchanged() -> None:
    device = on_trial()
    device.answers(V2, 0, failures=1)
    document = json.loads(json.dumps(device.deployer.to_json()))

    assert restored(document).to_json() == device.deployer.to_json()


@pytest.mark.parametrize(
    ("field", "wrong", "message"),
    [
        ("slots", [["active", "1.0.0", V1.digest, "", True, 0]], r"slots\[1\] is missing"),
        ("slots", [["asleep", "", "", "", False, 0]] * 2, "text that matches empty"),
        (
            "slots",
            [["active", "1.0.0", V1.digest, "", True, 0]] * 2,
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
