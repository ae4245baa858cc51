"""Policies: what shall happen by itself when an alarm is raised, a version arrives, a rollout ends.

A policy connects something that happened to actions; how much of it is done without a person is
chosen per model. Sans-IO: decides, and leaves doing to the policy desk.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from cloud_sync.core.rollout.rollout_life import RolloutState
from edge_contract.reading import JsonObject

__all__ = [
    "TOLD_STATES",
    "Action",
    "ActionKind",
    "Automation",
    "Event",
    "Intent",
    "Policy",
    "PolicyBook",
    "Trigger",
]


TOLD_STATES: Final = (
    RolloutState.AWAITING_APPROVAL,
    RolloutState.PAUSED,
    RolloutState.SUCCEEDED,
    RolloutState.ABORTED,
    RolloutState.ROLLED_BACK,
    RolloutState.SUPERSEDED,
)
"""States of rollouts that policies act on: it waits for a person, or has ended."""


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
        supersede: Whether that rollout takes the place of one that is under way.
    """

    kind: ActionKind
    url: str = ""
    secret_env: str = ""
    plan: JsonObject = field(default_factory=dict)
    supersede: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """When what is done.

    Attributes:
        name: For people and the record; never twice in a book.
        on: What must happen.
        models: Patterns of the models it is for: ``*``, ``digits``, ``door-*``.
        kinds: Kinds of alarms, or states of rollouts; empty for any.
        cooldown_s: For so long it does not act on the same model again; a day for alarms, else 0.
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


def _fits(policy: Policy, event: Event) -> bool:
    return (
        policy.on is event.trigger
        and any(fnmatchcase(event.model, pattern) for pattern in policy.models)
        and (not policy.kinds or event.kind in policy.kinds)
    )
