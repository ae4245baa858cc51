"""What a model card is made of: tables of plain text, and how values are written in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge_contract.reading import JsonObject, JsonValue

__all__ = ["Section", "field_of", "flat", "number", "pairs", "percentage", "shown"]

_LISTED: Final = 12


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a card."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def pairs(title: str, values: Iterable[tuple[str, str]]) -> Section:
    """Return a table of names and values."""
    return Section(title, ("", "value"), tuple(values))


def flat(values: JsonObject, prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Yield the values of nested objects under names with dots."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def field_of(value: JsonValue, name: str) -> JsonValue:
    """Return a field of an object; ``None`` if it has none, or is none."""
    return value.get(name) if isinstance(value, Mapping) else None


def shown(value: JsonValue) -> str:
    """Return a value as people read it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return number(value)
        case str() | None:
            return value or ""
        case Sequence():
            more = f" and {len(value) - _LISTED} more" if len(value) > _LISTED else ""
            return ", ".join(map(shown, value[:_LISTED])) + more
        case _:
            return str(value)


def number(value: float) -> str:
    """Return a number in four digits, or more if it has more before the point."""
    return f"{value:,.0f}" if 9999.5 <= abs(value) < 1e9 else f"{value:.4g}"


def percentage(fraction: float) -> str:
    """Return a fraction as a percentage."""
    return f"{fraction:.1%}" if fraction else "0%"
