"""The closed loop: alarms become messages, requests and rollouts, as far as people allow."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cloud_sync.adapters.webhooks import WebhookSender
from cloud_sync.backend import RolloutEventView, RolloutOrder, RolloutView
from cloud_sync.core.policies import PolicyBook
from cloud_sync.core.records import AlarmRecord, AuditRecord
from cloud_sync.policy_desk import PolicyDesk
from cloud_sync.policy_file import read_policies
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject
from tests.integration.processes import eventually

NOW = 1_800_000_000.0
SECRET = "s3cret"

BOOK = """
version = 1

[models."door-*"]
automation = "manual"

[models.digits]
automation = "{automation}"

[[policies]]
name = "drift"
on = "alarm"
kinds = ["drift"]
do = [
    {{ action = "notify" }},
    {{ action = "retrain" }},
    {{ action = "webhook", url = "{url}", secret_env = "HOOK_SECRET" }},
]

[[policies]]
name = "new version"
on = "push"
cooldown_s = 0
do = [{{ action = "rollout", plan = {{ bake_s = 60, detect = 0.1 }} }}]
"""


TURNS = """
version: 1
policies:
  - name: turns
    on: rollout
    kinds: [awaiting_approval, paused]
    do: [{action: notify}]
"""


@dataclass
class World:
    """A cloud in memory that remembers what it was asked to do."""

    found_alarms: list[AlarmRecord] = field(default_factory=list)
    pushed: list[tuple[str, str, float]] = field(default_factory=list)
    records: list[AuditRecord] = field(default_factory=list)
    started: list[RolloutOrder] = field(default_factory=list)
    found_rollouts: list[RolloutView] = field(default_factory=list)
    now_unix_s: float = NOW

    def alarms(self) -> Sequence[AlarmRecord]:
        return self.found_alarms

    def versions(self) -> Sequence[tuple[str, str, float]]:
        return self.pushed

    def stable(self, model: str) -> str:
        return next(version for name, version, _ in self.pushed if name == model)

    def rollouts(self) -> Sequence[RolloutView]:
        return self.found_rollouts

    def start_rollout(self, order: RolloutOrder, *, by: str) -> RolloutView:
        self.started.append(order)
        model, version = order.plan.model, order.plan.version
        return rollout(version, "running", model=model)

    def audit(self, *, limit: int, action: str) -> Sequence[AuditRecord]:
        fitting = [one for one in self.records if one.action.startswith(f"{action}.")]
        return list(reversed(fitting))[:limit]

    def note(self, by: str, action: str, subject: str, detail: JsonObject) -> None:
        self.records.append(AuditRecord(self.now_unix_s, by, action, subject, detail))

    def did(self) -> list[str]:
        return [record.action for record in self.records]

    def alarm(self, number: int, model: str = "digits", *, kind: str = "drift") -> None:
        document: JsonObject = {
            "version": "1.0.0",
            "kind": kind,
            "sentence": f"pixel 7 of {model} drifted",
            "evidence": {"ks": 0.3},
        }
        self.found_alarms.insert(0, AlarmRecord(f"a{number}", model, self.now_unix_s, document))


def rollout(
    version: str, state: str, *, model: str = "digits", since_s: float = 0.0
) -> RolloutView:
    return RolloutView(
        "r1", model, version, "", "canary", state, "later", NOW, None, (), {}, (),
        (RolloutEventView(NOW + since_s, f"it is {state}", {}),
         RolloutEventView(NOW + since_s + 60.0, "later", {})),
        state_since_unix_s=NOW + since_s,
    )  # fmt: skip


class Receiver:
    """Takes webhooks on loopback, after so many refusals."""

    def __init__(self, answers: Sequence[int] = ()) -> None:
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers = list(answers)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = receiver.answers.pop(0) if receiver.answers else 200
                if code == 200:
                    receiver.taken.append((dict(self.headers), body))
                self.send_response(code)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def desk_of(
    folder: Path,
    world: World,
    receiver: Receiver,
    *,
    automation: str = "approve",
    form: str = "toml",
) -> PolicyDesk:
    path = folder / f"policies.{form}"
    if not path.exists():
        path.write_text(BOOK.format(url=receiver.url, automation=automation))
    return PolicyDesk(path, world, sender=WebhookSender(first_wait_s=0.01, patience_s=5.0))


def test_an_alarm_is_told_signed_and_a_new_version_answers_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answers = [503, 503]
    world = World(pushed=[("digits", "1.0.0", NOW - 9e6)])
    desk = desk_of(tmp_path, world, receiver)
    desk.tick(NOW)
    world.alarm(1)
    desk.tick(NOW + 2.0)
    desk.tick(NOW + 4.0)

    eventually("it is taken", lambda: receiver.taken)
    headers, body = receiver.taken[0]
    told = json.loads(body)
    signed = f"{headers['X-Edgefleet-Timestamp']}.".encode() + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Edgefleet-Signature"] == f"sha256={expected}"
    assert (told["model"], told["kind"], told["detail"]) == ("digits", "drift", {"ks": 0.3})
    assert list(desk.open_requests()) == ["digits"]
    eventually("it is noted", lambda: "policy.delivered" in world.did())
    assert world.did().count("policy.webhook") == 1

    world.pushed.append(("digits", "1.1.0", NOW + 5.0))
    desk.tick(NOW + 6.0)
    desk.stop()

    assert desk.open_requests() == {}
    (order,) = world.started
    assert (order.plan.version, order.plan.approval, order.plan.detect) == ("1.1.0", True, 0.1)


@pytest.mark.parametrize(
    ("automation", "requests", "rollouts"),
    [("manual", [], []), ("approve", ["digits"], [True]), ("automatic", ["digits"], [False])],
)
def test_how_much_is_done_is_chosen_per_model(
    tmp_path: Path, receiver: Receiver, automation: str, requests: list[str], rollouts: list[bool]
) -> None:
    world = World(pushed=[("digits", "1.0.0", NOW - 9e6)])
    desk = desk_of(tmp_path, world, receiver, automation=automation)
    desk.tick(NOW)
    world.alarm(1)
    desk.tick(NOW + 1.0)
    assert list(desk.open_requests()) == requests
    world.pushed.append(("digits", "1.1.0", NOW + 5.0))
    desk.tick(NOW + 6.0)
    desk.stop()

    assert [order.plan.approval for order in world.started] == rollouts
    assert ("policy.proposed" in world.did()) == (automation == "manual")


def test_a_policy_is_quiet_for_a_while_and_other_models_are_their_own(
    tmp_path: Path, receiver: Receiver
) -> None:
    world = World()
    desk = desk_of(tmp_path, world, receiver)
    desk.tick(NOW)
    for number, model in enumerate(["digits", "digits", "faces"]):
        world.alarm(number, model)
        desk.tick(NOW + number)
    world.alarm(9, kind="joint")
    desk.tick(NOW + 9.0)
    desk.stop()

    notified = [record.subject for record in world.records if record.action == "policy.notify"]
    assert notified == ["digits", "faces"]


def test_what_was_not_delivered_before_a_kill_is_delivered_after_it_and_nothing_twice(
    tmp_path: Path,
) -> None:
    deaf = Receiver([503] * 1000)
    world = World()
    desk = desk_of(tmp_path, world, deaf)
    desk.tick(NOW)
    world.alarm(1)
    desk.tick(NOW + 1.0)
    desk.stop()
    assert deaf.taken == []
    deaf.answers = []

    again = desk_of(tmp_path, world, deaf)
    again.tick(NOW + 2.0)
    eventually("it is taken", lambda: deaf.taken)
    eventually("it is noted", lambda: "policy.delivered" in world.did())
    again.stop()
    deaf.close()

    assert world.did().count("policy.notify") == 1
    assert len(deaf.taken) == 1


def test_a_receiver_that_refuses_is_not_asked_again(tmp_path: Path) -> None:
    rude = Receiver([401])
    world = World()
    desk = desk_of(tmp_path, world, rude)
    desk.tick(NOW)
    world.alarm(1)
    desk.tick(NOW + 1.0)

    eventually("it is noted", lambda: "policy.refused" in world.did())
    desk.stop()
    rude.close()
    assert rude.taken == []


def test_a_webhook_without_its_secret_is_told_and_other_actions_go_on(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_SECRET")
    world = World()
    desk = desk_of(tmp_path, world, receiver)
    desk.tick(NOW)
    world.alarm(1)
    desk.tick(NOW + 1.0)
    desk.stop()

    assert "policy.notify" in world.did()
    (failed,) = [record for record in world.records if record.action == "policy.failed"]
    assert "signed with HOOK_SECRET, which is not set" in str(failed.detail["reason"])


def test_old_alarms_are_no_news_at_the_first_start(tmp_path: Path, receiver: Receiver) -> None:
    world = World(now_unix_s=NOW - 9000.0)
    world.alarm(1)
    world.now_unix_s = NOW
    desk = desk_of(tmp_path, world, receiver)
    desk.tick(NOW)
    desk.stop()

    assert "policy.notify" not in world.did()


def test_a_book_that_changes_needs_a_higher_version(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    desk = desk_of(tmp_path, world, receiver)
    desk.tick(NOW)
    path = tmp_path / "policies.toml"
    path.write_text("version = 1\npolicies = []\n")
    desk.tick(NOW + 1.0)
    assert len(desk.book.policies) == 2
    assert "without a higher version than 1" in caplog.text

    path.write_text("version = 2\npolicies = []\n# changed\n")
    desk.tick(NOW + 2.0)
    desk.stop()

    assert desk.book == PolicyBook(2)
    assert [r.detail for r in world.records if r.action == "policies.load"] == [
        {"version": 1},
        {"version": 2},
    ]


def test_every_turn_of_a_rollout_is_told_once_with_what_led_to_it(tmp_path: Path) -> None:
    (tmp_path / "policies.yaml").write_text(TURNS)
    world = World(found_rollouts=[rollout("1.1.0", "awaiting_approval")])
    desk = PolicyDesk(tmp_path / "policies.toml", world)
    turns = (("paused", 60.0), ("paused", 60.0), ("running", 90.0), ("paused", 120.0))
    for number, (state, since_s) in enumerate((("awaiting_approval", 0.0), *turns)):
        world.found_rollouts = [rollout("1.1.0", state, since_s=since_s)]
        desk.tick(NOW + number)
    desk.stop()

    told = [r.detail["sentence"] for r in world.records if r.action == "policy.notify"]
    assert told == ["it is awaiting_approval", "it is paused", "it is paused"]


def test_what_was_taken_back_is_not_started_again_by_itself(
    tmp_path: Path, receiver: Receiver
) -> None:
    world = World(pushed=[("digits", "1.0.0", NOW - 9e6)])
    desk = desk_of(tmp_path, world, receiver)
    desk.tick(NOW)
    world.found_rollouts = [rollout("1.1.0", "rolled_back")]
    world.pushed.append(("digits", "1.1.0", NOW + 1.0))
    desk.tick(NOW + 2.0)
    world.pushed.append(("digits", "1.2.0", NOW + 3.0))
    desk.tick(NOW + 4.0)
    desk.stop()

    (failed,) = [record for record in world.records if record.action == "policy.failed"]
    assert "digits@1.1.0, the newest, was rolled back by rollout r1" in str(failed.detail["reason"])
    assert [order.plan.version for order in world.started] == ["1.2.0"]


def test_a_receiver_that_sends_on_is_not_followed(tmp_path: Path) -> None:
    elsewhere = Receiver([302])
    world = World()
    desk = desk_of(tmp_path, world, elsewhere)
    desk.tick(NOW)
    world.alarm(1)
    desk.tick(NOW + 1.0)

    eventually("it is noted", lambda: "policy.refused" in world.did())
    desk.stop()
    elsewhere.close()
    assert "sends on to another address (302)" in str(world.records[-1].detail["reason"])


def test_a_deaf_receiver_delays_no_other(tmp_path: Path, receiver: Receiver) -> None:
    deaf = Receiver([503] * 1000)
    deliver = [{"action": "webhook", "url": deaf.url, "secret_env": "HOOK_SECRET"}] * 6
    deliver.append({"action": "webhook", "url": receiver.url, "secret_env": "HOOK_SECRET"})
    policies = [{"name": "all", "on": "alarm", "do": deliver}]
    (tmp_path / "policies.yml").write_text(json.dumps({"version": 1, "policies": policies}))
    world = World()
    desk = desk_of(tmp_path, world, receiver, form="yml")
    desk.tick(NOW)
    world.alarm(1)
    desk.tick(NOW + 1.0)

    eventually("it is taken", lambda: receiver.taken)
    desk.stop()
    deaf.close()


def test_policies_in_two_files_are_none(tmp_path: Path) -> None:
    for name in ("policies.toml", "policies.yml"):
        (tmp_path / name).write_text("")

    with pytest.raises(UsageError, match=r"policies\.toml' and .*policies\.yml': keep one of them"):
        PolicyDesk(tmp_path / "policies.toml", World())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("version = [", "are no TOML"),
        ("policies = []", r"policies\.toml\.version is missing"),
        ('version = 1\npolicies = [{name = "a", on = "moon", do = []}]', r"\.do is \[\], expected"),
        (
            'version = 1\npolicies = [{name = "a", on = "moon", do = [{action = "notify"}]}]',
            r"policies\[0\]\.on is 'moon', expected text that matches alarm\|push\|rollout",
        ),
        (
            'version = 1\npolicies = [{name = "a", on = "alarm", do = [{action = "webhook", '
            'url = "ftp://x", secret_env = "S"}]}]',
            "begins with http",
        ),
        (
            'version = 1\npolicies = [{name = "a", on = "push", do = [{action = "rollout", '
            "plan = {steps = [0.1]}}]}]",
            "a plan that can be carried out.*canary steps must rise and end at 1.0",
        ),
        (
            'version = 1\npolicies = [{name = "a", on = "alarm", do = [{action = "webhook", '
            'url = "http://x:99999/", secret_env = "S"}]}]',
            "begins with http",
        ),
        (
            'version = 1\npolicies = [{name = "a", on = "alarm", kinds = ["drfit"], '
            'do = [{action = "notify"}]}]',
            r"kinds\[0\] is 'drfit', expected a kind of alarm \(known: change, concept, drift",
        ),
        ('version = 1\npolicies = []\nmodels = {digits = {automation = "yolo"}}', "'yolo'"),
    ],
)
def test_a_book_that_makes_no_sense_is_refused_with_its_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "policies.toml"
    path.write_text(text)

    with pytest.raises(UsageError, match=complaint):
        read_policies(path)
