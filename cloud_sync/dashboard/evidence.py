"""Evidence of verdicts and alarms, made readable: gates with their answers, numbers with names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.dashboard.wording import UNKNOWN, decimal, words
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["GateLine", "Line", "gate_lines", "plain_lines"]

_MOST_LINES: Final = 60
_MOST_ITEMS: Final = 12


@dataclass(frozen=True, slots=True)
class Line:
    """A number, or another fact, and what it is."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class GateLine:
    """What one gate answered, and why."""

    gate: str
    verdict: str
    sentence: str
    lines: Sequence[Line]


def gate_lines(evidence: JsonObject) -> Sequence[GateLine]:
    """Return the answers of gates that evidence holds: its own, or those of a list in it."""
    found = [_gate(evidence)]
    for value in evidence.values():
        if isinstance(value, Sequence) and not isinstance(value, str):
            found.extend(_gate(item) for item in value if isinstance(item, Mapping))
    return [gate for gate in found if gate is not None]


def plain_lines(evidence: JsonObject) -> Sequence[Line]:
    """Return everything else as names and texts, nested names joined."""
    rest = {name: value for name, value in evidence.items() if not _holds_gates(value)}
    if _gate(evidence) is not None:
        rest = {}
    return _bounded(_flat(rest, ()))


def _gate(value: JsonObject) -> GateLine | None:
    match value:
        case {"gate": str(gate), "verdict": str(verdict)}:
            sentence, details = value.get("sentence"), value.get("evidence")
            lines = _bounded(_flat(details, ())) if isinstance(details, Mapping) else ()
            return GateLine(gate, verdict, sentence if isinstance(sentence, str) else "", lines)
        case _:
            return None


def _holds_gates(value: JsonValue) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and any(isinstance(item, Mapping) and _gate(item) is not None for item in value)
    )


def _bounded(lines: Iterator[Line]) -> Sequence[Line]:
    listed = list(lines)
    if len(listed) <= _MOST_LINES:
        return listed
    left_out = len(listed) - _MOST_LINES
    return [*listed[:_MOST_LINES], Line("...", f"{left_out} more; the API has them all")]


def _flat(value: JsonValue, path: tuple[str, ...]) -> Iterator[Line]:
    match value:
        case Mapping():
            for name, item in value.items():
                yield from _flat(item, (*path, _name(name)))
        case str():
            yield Line(" · ".join(path), value)
        case Sequence() if any(isinstance(item, Mapping) for item in value):
            for index, item in enumerate(value, 1):
                yield from _flat(item, (*path, str(index)))
        case Sequence():
            shown = ", ".join(_text(item) for item in value[:_MOST_ITEMS])
            more = len(value) - _MOST_ITEMS
            listed = f"{shown} and {more} more" if more > 0 else shown
            yield Line(" · ".join(path), listed or "none")
        case _:
            yield Line(" · ".join(path), _text(value))


def _name(key: str) -> str:
    """Return a key as people read it; names of features and devices stay as they are."""
    return words(key) if re.fullmatch("[a-z_]+", key) else key


def _text(value: JsonValue) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return decimal(value, 4)
        case None:
            return UNKNOWN
        case _:
            return str(value)
