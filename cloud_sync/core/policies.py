"""Policies: what shall happen by itself when an alarm is raised, a version arrives, a rollout ends.

A policy connects something that happened to actions; how much of it is done without a person is
chosen per model. Sans-IO: decides, and leaves doing to the policy desk.
"""

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Self

from cloud_sync.core.rollout import RolloutPlan
from edge_contract.errors import MessageError, UsageError
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = [
    "Action",
    "ActionKind",
    "Automation",
    "Event",
    "Intent",
    "Policy",
    "PolicyBook",
    "Trigger",
]

_DEFAULT_COOLDOWN_S: Final = 24 * 3600.0
_NAME: Final = r"[a-z0-9][a-z0-9 _.-]{0,63}"
_ADDRESS: Final = r"https?://[^\s/@?#]+([/?]\S*)?"
_VARIABLE: Final = r"[A-Z_][A-Z0-9_]{0,127}"


class Automation(enum.Enum):
    """How much is done for a model without a person."""

    MANUAL = "manual"
    """People are told; retraining and rollouts are only proposed."""
    APPROVE = "approve"
    """Retraining is asked for; a rollout waits for approval before it begins."""
    AUTOMATIC = "automatic"
    """Everything is done."""


class Trigger(enum.Enum):
    """What can happen."""

    ALARM = "alarm"
    PUSH = "push"  # a version has come into the registry
    ROLLOUT = "rollout"  # a rollout has ended, or waits for a person


class ActionKind(enum.Enum):
    """What can be done."""

    NOTIFY = "notify"
    WEBHOOK = "webhook"
    RETRAIN = "retrain"
    ROLLOUT = "rollout"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do.

    Attributes:
        kind: What.
        url: Of a webhook.
        secret_env: Name of the environment variable with the webhook's secret.
        plan: Of a rollout of the newest version: fields of a plan, without model and version.
    """

    kind: ActionKind
    url: str = ""
    secret_env: str = ""
    plan: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """When what is done.

    Attributes:
        name: For people and the record; never twice in a book.
        on: What must happen.
        models: Patterns of the models it is for: ``*``, ``digits``, ``door-*``.
        kinds: Kinds of alarms, or states of rollouts; empty for any.
        cooldown_s: For so long it does not act on the same model again.
        actions: What is done, in order.
    """

    name: str
    on: Trigger
    models: tuple[str, ...]
    kinds: tuple[str, ...]
    cooldown_s: float
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        event_id: Never the same for two things.
        trigger: What kind of thing.
        model: Which model it is about.
        version: Which version.
        kind: Kind of the alarm, or state of the rollout.
        sentence: For people.
        at_unix_s: When.
        detail: The evidence.
    """

    event_id: str
    trigger: Trigger
    model: str
    version: str
    kind: str
    sentence: str
    at_unix_s: float
    detail: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Intent:
    """One action that a policy wants done.

    Attributes:
        policy: Its name.
        action: What.
        event: Because of what.
        automation: How far it may go.
    """

    policy: str
    action: Action
    event: Event
    automation: Automation

    @property
    def is_proposal(self) -> bool:
        """Whether a person has to do it: the cloud only says that it should be done."""
        acts = self.action.kind in (ActionKind.RETRAIN, ActionKind.ROLLOUT)
        return acts and self.automation is Automation.MANUAL


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """All policies of a cloud.

    Attributes:
        version: Number that whoever changes the book raises; stands in the record of what was done.
        policies: In the order of the file.
        automation: By model or pattern; the first one that fits counts, else ``approve``.
    """

    version: int = 0
    policies: tuple[Policy, ...] = ()
    automation: Mapping[str, Automation] = field(default_factory=dict)

    def automation_of(self, model: str) -> Automation:
        """Return how much is done for a model without a person."""
        found = (how for pattern, how in self.automation.items() if fnmatchcase(model, pattern))
        return next(found, Automation.APPROVE)

    def intents(
        self, event: Event, *, acted_unix_s: Mapping[tuple[str, str], float], now_unix_s: float
    ) -> Sequence[Intent]:
        """Return what shall be done because of something.

        Args:
            event: What happened.
            acted_unix_s: When each policy acted last, by policy and model.
            now_unix_s: Now.
        """
        automation = self.automation_of(event.model)
        return [
            Intent(policy.name, action, event, automation)
            for policy in self.policies
            if _fits(policy, event)
            and now_unix_s - acted_unix_s.get((policy.name, event.model), -1e18)
            >= policy.cooldown_s
            for action in policy.actions
        ]

    @classmethod
    def from_json(cls, document: JsonValue, where: str = "policies") -> Self:
        """Read a book, as a TOML file gives it.

        Raises:
            MessageError: A field is unknown, missing or makes no sense; the message says where.
        """
        reader = Reader(document, where, MessageError)
        fields = _known(reader, ("version", "policies", "models"))
        policies = tuple(_policy(item) for item in reader["policies"].items(max_length=200))
        names = [policy.name for policy in policies]
        if len(set(names)) != len(names):
            raise reader["policies"].refused("policies of different names")
        models = fields["models"].fields(max_length=1000) if "models" in fields else {}
        return cls(
            reader["version"].integer(low=1),
            policies,
            {k: _automation(v) for k, v in models.items()},
        )


def _fits(policy: Policy, event: Event) -> bool:
    return (
        policy.on is event.trigger
        and any(fnmatchcase(event.model, pattern) for pattern in policy.models)
        and (not policy.kinds or event.kind in policy.kinds)
    )


def _policy(reader: Reader) -> Policy:
    fields = _known(reader, ("name", "on", "models", "kinds", "cooldown_s", "do"))
    actions = tuple(_action(item) for item in reader["do"].items(max_length=20))
    if not actions:
        raise reader["do"].refused("at least one action")
    return Policy(
        name=reader["name"].text(pattern=_NAME),
        on=Trigger(reader["on"].text(pattern="|".join(one.value for one in Trigger))),
        models=_texts(fields, "models") or ("*",),
        kinds=_texts(fields, "kinds"),
        cooldown_s=(
            fields["cooldown_s"].number(low=0.0) if "cooldown_s" in fields else _DEFAULT_COOLDOWN_S
        ),
        actions=actions,
    )


def _action(reader: Reader) -> Action:
    kind = ActionKind(reader["action"].text(pattern="|".join(one.value for one in ActionKind)))
    match kind:
        case ActionKind.WEBHOOK:
            _known(reader, ("action", "url", "secret_env"))
            url = reader["url"].text(max_length=2000)
            if re.fullmatch(_ADDRESS, url) is None:
                raise reader["url"].refused("an address that begins with http:// or https://")
            return Action(kind, url, reader["secret_env"].text(pattern=_VARIABLE))
        case ActionKind.ROLLOUT:
            _known(reader, ("action", "plan"))
            plan = reader.get("plan")
            given = {} if plan is None else plan.json_object()
            _check_plan(reader, given)
            return Action(kind, plan=given)
        case _:
            _known(reader, ("action",))
            return Action(kind)


def _check_plan(reader: Reader, given: JsonObject) -> None:
    """Refuse a plan now that could not be carried out once it is needed."""
    for name in ("model", "version"):
        if name in given:
            raise reader["plan"].refused(f"a plan without {name!r}: it is that of what happened")
    full = {**given, "model": "any", "version": "1.0.0"}
    try:
        RolloutPlan.from_json(Reader(full, "plan", MessageError))
    except (MessageError, UsageError) as error:
        raise reader["plan"].refused(f"a plan that can be carried out ({error})") from error


def _automation(reader: Reader) -> Automation:
    _known(reader, ("automation",))
    pattern = "|".join(one.value for one in Automation)
    return Automation(reader["automation"].text(pattern=pattern))


def _texts(fields: Mapping[str, Reader], name: str) -> tuple[str, ...]:
    if name not in fields:
        return ()
    return tuple(item.text(max_length=200) for item in fields[name].items(max_length=100))


def _known(reader: Reader, names: tuple[str, ...]) -> dict[str, Reader]:
    fields = reader.fields(max_length=100)
    for name, item in fields.items():
        if name not in names:
            raise item.refused(f"none of that name (known: {', '.join(names)})")
    return fields
