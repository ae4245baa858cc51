"""Reads a book of policies, as a TOML or YAML file gives it, and says where it makes no sense."""

import re
from collections.abc import Mapping
from typing import Final

from cloud_sync.core.alarms.kinds import KINDS
from cloud_sync.core.policies import (
    TOLD_STATES,
    Action,
    ActionKind,
    Automation,
    Policy,
    PolicyBook,
    Trigger,
)
from cloud_sync.core.rollout import RolloutPlan
from edge_contract.errors import MessageError, UsageError
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["read_book"]

_DEFAULT_COOLDOWN_S: Final = 24 * 3600.0  # of alarms; new versions and ends of rollouts are rare
_NAME: Final = r"[a-z0-9][a-z0-9 _.-]{0,63}"
_ADDRESS: Final = re.compile(
    r"https?://(?:\[[0-9a-fA-F:.]+\]|[^\s/@?#:\[\]]+)(?::(?P<port>[0-9]{1,5}))?(?:[/?]\S*)?"
)
_MAX_PORT: Final = 65_535
_VARIABLE: Final = r"[A-Z_][A-Z0-9_]{0,127}"
_OPTIONAL_KINDS: Final = ("change",)
"""Kinds of alarms that a library brings, which a cloud may not have now."""


def read_book(document: JsonValue, where: str = "policies") -> PolicyBook:
    """Return a book.

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
    return PolicyBook(
        reader["version"].integer(low=1),
        policies,
        {k: _automation(v) for k, v in models.items()},
    )


def _policy(reader: Reader) -> Policy:
    fields = _known(reader, ("name", "on", "models", "kinds", "cooldown_s", "do"))
    actions = tuple(_action(item) for item in reader["do"].items(max_length=20))
    if not actions:
        raise reader["do"].refused("at least one action")
    on = Trigger(reader["on"].text(pattern="|".join(one.value for one in Trigger)))
    return Policy(
        name=reader["name"].text(pattern=_NAME),
        on=on,
        models=_texts(fields, "models") or ("*",),
        kinds=_kinds(fields, on),
        cooldown_s=(
            fields["cooldown_s"].number(low=0.0)
            if "cooldown_s" in fields
            else _DEFAULT_COOLDOWN_S
            if on is Trigger.ALARM
            else 0.0
        ),
        actions=actions,
    )


def _kinds(fields: Mapping[str, Reader], on: Trigger) -> tuple[str, ...]:
    """Return which kinds a policy is for; a word that is none would never act, and is refused."""
    known = {
        Trigger.ALARM: {*_OPTIONAL_KINDS, *(kind.name for kind in KINDS)},
        Trigger.PUSH: {"push"},
        Trigger.ROLLOUT: {state.value for state in TOLD_STATES},
    }[on]
    found = _texts(fields, "kinds")
    for index, kind in enumerate(found):
        if kind not in known:
            listed = ", ".join(sorted(known))
            raise fields["kinds"][index].refused(f"a kind of {on.value} (known: {listed})")
    return found


def _action(reader: Reader) -> Action:
    kind = ActionKind(reader["action"].text(pattern="|".join(one.value for one in ActionKind)))
    match kind:
        case ActionKind.WEBHOOK:
            _known(reader, ("action", "url", "secret_env"))
            url = reader["url"].text(max_length=2000)
            found = _ADDRESS.fullmatch(url)
            if found is None or not 1 <= int(found["port"] or 80) <= _MAX_PORT:
                raise reader["url"].refused("an address that begins with http:// or https://")
            return Action(kind, url, reader["secret_env"].text(pattern=_VARIABLE))
        case ActionKind.ROLLOUT:
            fields = _known(reader, ("action", "plan", "supersede"))
            given = fields["plan"].json_object() if "plan" in fields else {}
            _check_plan(reader, given)
            supersede = fields["supersede"].flag() if "supersede" in fields else False
            return Action(kind, plan=given, supersede=supersede)
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
