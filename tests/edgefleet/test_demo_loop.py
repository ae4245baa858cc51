"""The demo's policies are ones that a cloud understands."""

from pathlib import Path

from cloud_sync.core.policies import Automation, Event, Trigger
from cloud_sync.policy_file import read_policies
from edgefleet.demo.closed_loop import AUTOMATIC, MANUAL, write_policies

ALARM = Event("a1", Trigger.ALARM, "digits", "1.0.0", "drift", "it drifted", 100.0)
PUSH = Event("p1", Trigger.PUSH, "digits", "1.1.0", "push", "it came", 200.0)


def test_an_alarm_asks_for_retraining_and_a_version_goes_out_by_shadow_and_canary(
    tmp_path: Path,
) -> None:
    path = tmp_path / "policies.toml"

    write_policies(path, version=1, automation=AUTOMATIC)
    book = read_policies(path)
    asked = book.intents(ALARM, acted_unix_s={}, now_unix_s=100.0)
    (rolled,) = book.intents(PUSH, acted_unix_s={}, now_unix_s=200.0)

    assert [intent.action.kind.value for intent in asked] == ["notify", "retrain"]
    assert not any(intent.is_proposal for intent in asked)
    assert rolled.automation is Automation.AUTOMATIC
    assert rolled.action.plan["shadow"] is True
    assert rolled.action.plan["steps"] == [0.1, 0.5, 1.0]


def test_an_operator_can_take_it_back_to_himself(tmp_path: Path) -> None:
    path = tmp_path / "policies.toml"
    write_policies(path, version=1, automation=AUTOMATIC)

    write_policies(path, version=2, automation=MANUAL)
    book = read_policies(path)

    assert book.version == 2
    assert all(i.is_proposal for i in book.intents(PUSH, acted_unix_s={}, now_unix_s=200.0))
