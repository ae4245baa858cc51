"""The policy desk: sees what happened, and does what policies want done about it.

Everything it does stands in the record of who did what before it is done, so that a cloud that dies
in between knows at its next start what is still owed, and does nothing twice.
"""

import json
import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from cloud_sync.adapters.webhooks import WebhookSender
from cloud_sync.backend import RolloutOrder, RolloutView
from cloud_sync.core.policies import (
    TOLD_STATES,
    Action,
    ActionKind,
    Automation,
    Event,
    Intent,
    PolicyBook,
    Trigger,
)
from cloud_sync.core.records import AlarmRecord, AuditRecord
from cloud_sync.core.rollout import RolloutPlan
from cloud_sync.policy_file import PolicyFile
from cloud_sync.policy_post import PolicyPost, secret_of
from edge_contract.errors import EdgeError, MessageError, UsageError
from edge_contract.names import Version
from edge_contract.reading import JsonObject, Reader

__all__ = ["PolicyDesk", "PolicyWorld"]

_log = logging.getLogger("edgefleet.cloud")

_LOOK_S: Final = 2.0
_OWED_S: Final = 3600.0
"""What happened so shortly before a start, and was not acted on, is acted on then."""
_RECORDS: Final = 500
_TOLD: Final = frozenset(state.value for state in TOLD_STATES)
_TAKEN_BACK: Final = frozenset({"aborted", "rolled_back"})


class PolicyWorld(Protocol):
    """What the desk sees of the cloud, and what it may do."""

    def alarms(self) -> Sequence[AlarmRecord]:
        """Return the latest alarms."""
        ...

    def versions(self) -> Sequence[tuple[str, str, float]]:
        """Return all versions: model, version, and when it was pushed."""
        ...

    def stable(self, model: str) -> str:
        """Return the version that the fleet runs."""
        ...

    def rollouts(self) -> Sequence[RolloutView]:
        """Return all rollouts."""
        ...

    def start_rollout(self, order: RolloutOrder, *, by: str) -> RolloutView:
        """Begin to roll a version out."""
        ...

    def audit(self, *, limit: int, action: str) -> Sequence[AuditRecord]:
        """Return who did what, newest first."""
        ...

    def note(self, by: str, action: str, subject: str, detail: JsonObject) -> None:
        """Write down what was done."""
        ...


class PolicyDesk:
    """Acts on alarms, new versions and ends of rollouts.

    Args:
        path: The policies, a TOML file; looked at again whenever it changes, missing is none.
        world: The cloud.
        sender: Sends webhooks.

    Raises:
        UsageError: The file cannot be read, or is no book of policies.
    """

    def __init__(
        self, path: Path, world: PolicyWorld, *, sender: WebhookSender | None = None
    ) -> None:
        self._file = PolicyFile(path)
        self._world = world
        self._post = PolicyPost(sender or WebhookSender(), note=self._say)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="policies", daemon=True)
        self._seen: set[str] | None = None
        self._acted: dict[tuple[str, str], float] = {}

    @property
    def book(self) -> PolicyBook:
        """The policies that hold now."""
        return self._file.book

    def start(self) -> None:
        """Begin to look, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was not delivered is owed at the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._post.close()

    def tick(self, now_unix_s: float) -> None:
        """Look at what is new, and act on it."""
        if self._file.look():
            self._say("policies.load", str(self._file.path.name), {"version": self.book.version})
        if self._seen is None:
            self._remember(now_unix_s)
        seen = self._seen or set()
        for event in list(self._happened()):
            if event.event_id not in seen:
                seen.add(event.event_id)
                self._on_event(event, now_unix_s)
        self._seen = seen

    def open_requests(self) -> dict[str, AuditRecord]:
        """Return the requests for retraining that no version has answered yet, by model."""
        found: dict[str, AuditRecord] = {}
        for record in reversed(self._world.audit(limit=_RECORDS, action="retraining")):
            if record.action == "retraining.open":
                found[record.subject] = record
            else:
                found.pop(record.subject, None)
        return found

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            try:
                self.tick(time.time())
            except EdgeError as error:
                _log.warning("policies: %s", error)
            except Exception:  # noqa: BLE001  a defect here must not end the closed loop
                _log.exception("a defect in policies: this look is skipped")

    # What happened.

    def _happened(self) -> Iterator[Event]:
        for alarm in self._world.alarms():
            document = Reader(alarm.document, f"alarm {alarm.alarm_id}", MessageError)
            yield Event(
                f"alarm:{alarm.alarm_id}",
                Trigger.ALARM,
                alarm.model,
                document["version"].text(),
                document["kind"].text(),
                document["sentence"].text(max_length=100_000),
                alarm.raised_unix_s,
                document["evidence"].json_object(),
            )
        for model, version, at_unix_s in self._world.versions():
            name = f"{model}@{version}"
            text = f"{name} has come into the registry"
            yield Event(f"push:{name}", Trigger.PUSH, model, version, "push", text, at_unix_s)
        for view in self._world.rollouts():
            if view.state in _TOLD:
                yield _turn_of(view)

    def _remember(self, now_unix_s: float) -> None:
        """Learn from the record what was acted on, and take up what is owed."""
        records = self._world.audit(limit=_RECORDS, action="policy")
        done: set[str] = set()
        settled = {r.subject for r in records if r.action in ("policy.delivered", "policy.refused")}
        for record in reversed(records):
            detail = Reader(record.detail, "record", MessageError)
            event = detail.get("event")
            if event is None:
                continue
            done.add(event.text())
            self._acted[detail["policy"].text(), detail["model"].text()] = record.at_unix_s
            if record.action == "policy.webhook" and record.subject not in settled:
                self._deliver(record.subject, detail)
        self._seen = done | {
            event.event_id for event in self._happened() if event.at_unix_s < now_unix_s - _OWED_S
        }

    # What is done.

    def _on_event(self, event: Event, now_unix_s: float) -> None:
        if event.trigger is Trigger.PUSH and event.model in self.open_requests():
            self._say("retraining.answered", event.model, {"version": event.version})
        intents = self.book.intents(event, acted_unix_s=self._acted, now_unix_s=now_unix_s)
        for intent in intents:
            self._acted[intent.policy, event.model] = now_unix_s
        for intent in intents:
            try:
                self._do(intent)
            except EdgeError as error:
                self._say("policy.failed", event.model, {**_facts(intent), "reason": str(error)})
                _log.warning("policy %r: %s", intent.policy, error)

    def _do(self, intent: Intent) -> None:
        event, action = intent.event, intent.action
        facts: JsonObject = {**_facts(intent), "book": self.book.version}
        if intent.is_proposal:
            self._say("policy.proposed", event.model, facts)
            _log.warning(
                "policy %r proposes to %s: %s", intent.policy, action.kind.value, event.sentence
            )
            return
        match action.kind:
            case ActionKind.NOTIFY:
                self._say("policy.notify", event.model, facts)
                _log.warning("policy %r: %s", intent.policy, event.sentence)
            case ActionKind.WEBHOOK:
                self._call(intent, facts)
            case ActionKind.RETRAIN:
                self._ask_for_retraining(intent, facts)
            case ActionKind.ROLLOUT:
                self._roll_out(intent, facts)

    def _call(self, intent: Intent, facts: JsonObject) -> None:
        secret_of(intent.action)  # before anything is promised
        event, delivery_id = intent.event, secrets.token_hex(16)
        body = json.dumps(
            {
                "delivery": delivery_id,
                "policy": intent.policy,
                "event": event.trigger.value,
                "model": event.model,
                "version": event.version,
                "kind": event.kind,
                "sentence": event.sentence,
                "at_unix_s": event.at_unix_s,
                "automation": intent.automation.value,
                "detail": event.detail,
            },
            allow_nan=False,
        )
        detail: JsonObject = {
            **facts,
            "url": intent.action.url,
            "secret_env": intent.action.secret_env,
            "body": body,
        }
        self._say("policy.webhook", delivery_id, detail)
        self._deliver(delivery_id, Reader(detail, "record", MessageError))

    def _deliver(self, delivery_id: str, detail: Reader) -> None:
        url, secret_env = detail["url"].text(), detail["secret_env"].text()
        action = Action(ActionKind.WEBHOOK, url, secret_env)
        self._post.send(delivery_id, detail["body"].text(max_length=1_000_000), action)

    def _ask_for_retraining(self, intent: Intent, facts: JsonObject) -> None:
        model = intent.event.model
        if model in self.open_requests():
            return
        self._say("retraining.open", model, facts)
        _log.warning("policy %r asks for retraining of %s", intent.policy, model)

    def _roll_out(self, intent: Intent, facts: JsonObject) -> None:
        model = intent.event.model
        known = [version for name, version, _ in self._world.versions() if name == model]
        newest = max(known, key=Version.parse, default="")
        if not newest or newest == self._world.stable(model):
            raise UsageError(f"there is no version of {model} newer than what the fleet runs")
        self._check_untried(model, newest)
        given: JsonObject = {**intent.action.plan, "model": model, "version": newest}
        if intent.automation is Automation.APPROVE:
            given = {**given, "approval": True}
        plan = RolloutPlan.from_json(Reader(given, "plan", MessageError))
        self._say("policy.rollout", model, {**facts, "version": newest})
        order = RolloutOrder(plan, supersede=intent.action.supersede)
        self._world.start_rollout(order, by=f"policy {intent.policy}")

    def _check_untried(self, model: str, version: str) -> None:
        """Leave it to people to try again what was taken back."""
        for view in self._world.rollouts():  # newest first
            if (view.model, view.version) == (model, version) and view.state in _TAKEN_BACK:
                raise UsageError(
                    f"{model}@{version}, the newest, was {view.state.replace('_', ' ')} by rollout "
                    f"{view.rollout_id}: push a better one, or roll it out by hand"
                )

    def _say(self, action: str, subject: str, detail: JsonObject) -> None:
        self._world.note("policies", action, subject, detail)


def _turn_of(view: RolloutView) -> Event:
    """Return that a rollout has come to stand where it stands, and why; not what came after."""
    since = view.state_since_unix_s
    why = [event.sentence for event in view.events if event.at_unix_s <= since]
    return Event(
        f"rollout:{view.rollout_id}:{view.state}:{since:.0f}",
        Trigger.ROLLOUT,
        view.model,
        view.version,
        view.state,
        why[-1] if why else view.sentence,
        since,
        {"rollout": view.rollout_id},
    )


def _facts(intent: Intent) -> JsonObject:
    return {
        "policy": intent.policy,
        "model": intent.event.model,
        "event": intent.event.event_id,
        "sentence": intent.event.sentence,
        "automation": intent.automation.value,
        "action": intent.action.kind.value,
    }
