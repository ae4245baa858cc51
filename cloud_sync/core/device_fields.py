"""Fields of a device that a filter can name, and what they hold."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from edge_contract.messages import ModelReport
from edge_contract.reading import JsonValue

__all__ = ["FIELDS", "MODEL_FIELDS", "Field", "FieldKind", "dotted_field", "quoted"]


class FieldKind(enum.Enum):
    """What a field holds, as people call it."""

    TEXT = "text"
    NUMBER = "number"
    TEXTS = "list of texts"
    ANY = "anything"


FieldRead: TypeAlias = Callable[[DeviceFacts], JsonValue]


@dataclass(frozen=True, slots=True)
class Field:
    """Something that is known of a device, or not.

    Attributes:
        name: As it stands in a filter; two fields of one name are the same.
        kind: What it holds.
        values: All that it can hold; empty if that is open.
    """

    name: str
    kind: FieldKind
    values: tuple[str, ...] = ()

    def of(self, facts: DeviceFacts) -> JsonValue:
        """Return what a device has there; ``None`` if that is not known."""
        head, _, rest = self.name.partition(".")
        match head:
            case "tag":
                return facts.tags.get(_unquoted(rest))
            case "fact":
                return facts.facts.get(_unquoted(rest))
            case "model":
                model, _, part = rest.partition(".")
                return _of_model(facts.models.get(model), part)
            case _:
                return _READS[head](facts)


_READS: Final[Mapping[str, FieldRead]] = {
    "name": lambda facts: facts.name,
    "status": lambda facts: facts.status.value,
    "boots": lambda facts: facts.boots,
    "agent_version": lambda facts: facts.agent_version or None,
    "models": lambda facts: list(facts.models) or None,
    "cpus": lambda facts: facts.facts.get("cpus"),
    "memory_mb": lambda facts: facts.facts.get("memory_mb"),
    "machine": lambda facts: facts.facts.get("machine"),
    "system": lambda facts: facts.facts.get("system"),
    "python": lambda facts: facts.facts.get("python"),
    "onnxruntime": lambda facts: facts.facts.get("onnxruntime"),
    "providers": lambda facts: facts.facts.get("providers"),
}

FIELDS: Final[Mapping[str, Field]] = {
    field.name: field
    for field in (
        Field("name", FieldKind.TEXT),
        Field("status", FieldKind.TEXT, tuple(status.value for status in DeviceStatus)),
        Field("boots", FieldKind.NUMBER),
        Field("agent_version", FieldKind.TEXT),
        Field("models", FieldKind.TEXTS),
        Field("cpus", FieldKind.NUMBER),
        Field("memory_mb", FieldKind.NUMBER),
        Field("machine", FieldKind.TEXT),
        Field("system", FieldKind.TEXT),
        Field("python", FieldKind.TEXT),
        Field("onnxruntime", FieldKind.TEXT),
        Field("providers", FieldKind.TEXTS),
    )
}
"""Fields of a single word; beside them there are ``tag.NAME``, ``fact.NAME`` and ``model.NAME``."""

MODEL_FIELDS: Final = ("version", "digest", "provider", "variant")
"""What follows ``model.NAME.``: of the version that the device serves."""


def dotted_field(head: str, parts: tuple[str, ...]) -> Field | None:
    """Return the field of a dotted name, ``None`` if there is no such field."""
    match head, parts:
        case "tag", (name,):
            return Field(f"tag.{quoted(name)}", FieldKind.TEXT)
        case "fact", (name,):
            return Field(f"fact.{quoted(name)}", FieldKind.ANY)
        case "model", (name,):
            return Field(f"model.{name}", FieldKind.TEXT)
        case "model", (name, part) if part in MODEL_FIELDS:
            return Field(f"model.{name}.{part}", FieldKind.TEXT)
        case _:
            return None


def quoted(name: str) -> str:
    """Return a name as it stands after a dot: in quotes if it has other than plain letters."""
    if name and all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _unquoted(name: str) -> str:
    if not name.startswith('"'):
        return name
    return name[1:-1].replace('\\"', '"').replace("\\\\", "\\")


def _of_model(report: ModelReport | None, part: str) -> JsonValue:
    if report is None:
        return None
    values = {
        "": report.version,
        "version": report.version,
        "digest": report.serving,
        "provider": report.provider,
        "variant": report.variant,
    }
    return values[part] or None
