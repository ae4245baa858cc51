"""Which devices are meant: conditions over what is known of a device.

A condition is data: it can be compared, and its text reads back as the same condition. What is not
known of a device makes every comparison false, except ``!=`` and ``not in``, which are the exact
opposites of ``==`` and ``in``. ``has FIELD`` asks whether it is known at all.

Texts are ordered as people order them: runs of digits by their value, so that ``"3.9" < "3.11"``,
and semantic versions as semantic versions. A list is equal to a text if one of its items is.
"""

import enum
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from cloud_sync.core.device_fields import Field, quoted
from cloud_sync.core.facts import DeviceFacts
from edge_contract.errors import UsageError
from edge_contract.names import VERSION_PATTERN, Version
from edge_contract.reading import JsonValue

__all__ = [
    "Comparison",
    "Condition",
    "Either",
    "Every",
    "FilterError",
    "Has",
    "In",
    "Like",
    "Not",
    "Operator",
    "Scalar",
    "matching",
]

Scalar: TypeAlias = str | float | bool


class FilterError(UsageError):
    """A filter cannot be read; the message says at which column, and what is known."""


class Condition(Protocol):
    """Something that holds for a device or not. Its ``str()`` is a filter that reads back as it."""

    def matches(self, facts: DeviceFacts) -> bool:
        """Return whether it holds for a device."""
        ...


class Operator(enum.Enum):
    """How two values are compared."""

    EQUAL = "=="
    DIFFERENT = "!="
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


def matching(condition: Condition, devices: Iterable[DeviceFacts]) -> list[str]:
    """Return the names of the devices that a condition holds for, rising."""
    return sorted(facts.name for facts in devices if condition.matches(facts))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field against a value."""

    field: Field
    operator: Operator
    value: Scalar

    def matches(self, facts: DeviceFacts) -> bool:
        """Return whether it holds for a device."""
        found = self.field.of(facts)
        match self.operator:
            case Operator.EQUAL:
                return _is_equal(found, self.value)
            case Operator.DIFFERENT:
                return not _is_equal(found, self.value)
            case _:
                return any(_is_ordered(one, self.operator, self.value) for one in _items(found))

    def __str__(self) -> str:
        return f"{self.field.name} {self.operator.value} {_written(self.value)}"


@dataclass(frozen=True, slots=True)
class In:
    """A field is one of several values."""

    field: Field
    values: tuple[Scalar, ...]

    def matches(self, facts: DeviceFacts) -> bool:
        """Return whether it holds for a device."""
        found = self.field.of(facts)
        return any(_is_equal(found, value) for value in self.values)

    def __str__(self) -> str:
        return f"{self.field.name} in ({', '.join(map(_written, self.values))})"


@dataclass(frozen=True, slots=True)
class Like:
    """A text of a field fits a pattern: ``*`` stands for anything and ``?`` for one letter."""

    field: Field
    pattern: str

    def matches(self, facts: DeviceFacts) -> bool:
        """Return whether it holds for a device."""
        texts = [item for item in _items(self.field.of(facts)) if isinstance(item, str)]
        return any(_fits(text, self.pattern) for text in texts)

    def __str__(self) -> str:
        return f"{self.field.name} like {_written(self.pattern)}"


@dataclass(frozen=True, slots=True)
class Has:
    """A field is known."""

    field: Field

    def matches(self, facts: DeviceFacts) -> bool:
        """Return whether it holds for a device."""
        return self.field.of(facts) is not None

    def __str__(self) -> str:
        return f"has {self.field.name}"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    condition: Condition

    def matches(self, facts: DeviceFacts) -> bool:
        """Return whether it holds for a device."""
        return not self.condition.matches(facts)

    def __str__(self) -> str:
        return f"not ({self.condition})"


@dataclass(frozen=True, slots=True)
class Every:
    """All of several conditions."""

    conditions: tuple[Condition, ...]

    def matches(self, facts: DeviceFacts) -> bool:
        """Return whether it holds for a device."""
        return all(condition.matches(facts) for condition in self.conditions)

    def __str__(self) -> str:
        parts = [f"({one})" if isinstance(one, Either) else str(one) for one in self.conditions]
        return " and ".join(parts)


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of several conditions."""

    conditions: tuple[Condition, ...]

    def matches(self, facts: DeviceFacts) -> bool:
        """Return whether it holds for a device."""
        return any(condition.matches(facts) for condition in self.conditions)

    def __str__(self) -> str:
        return " or ".join(map(str, self.conditions))


def _items(found: JsonValue) -> Sequence[JsonValue]:
    """Return the items of a list, or the value itself as the only one."""
    return found if isinstance(found, Sequence) and not isinstance(found, str) else (found,)


def _is_equal(found: JsonValue, value: Scalar) -> bool:
    return any(_is_same_kind(one, value) and one == value for one in _items(found))


def _is_same_kind(found: JsonValue, value: Scalar) -> bool:
    """Return whether two can be compared: 1 is neither true nor "1"."""
    if isinstance(found, bool) or isinstance(value, bool):
        return isinstance(found, bool) and isinstance(value, bool)
    return isinstance(found, str) == isinstance(value, str) and isinstance(found, str | int | float)


def _is_ordered(found: JsonValue, operator: Operator, value: Scalar) -> bool:
    match found, value:
        case bool(), _:
            return False
        case int() | float(), int() | float():
            order = (found > value) - (found < value)
        case str(), str():
            order = _text_order(found, value)
        case _:
            return False
    match operator:
        case Operator.LESS:
            return order < 0
        case Operator.AT_MOST:
            return order <= 0
        case Operator.MORE:
            return order > 0
        case _:
            return order >= 0


def _text_order(left: str, right: str) -> int:
    if re.fullmatch(VERSION_PATTERN, left) and re.fullmatch(VERSION_PATTERN, right):
        older, newer = Version.parse(left), Version.parse(right)
        return (older > newer) - (older < newer)
    parts, others = _natural(left), _natural(right)
    return (parts > others) - (parts < others)


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a text as what it is ordered by: digits by their value, before other letters."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.findall(r"[0-9]{1,18}|[^0-9]+", text)
    ]


def _fits(text: str, pattern: str) -> bool:
    """Return whether a text fits a pattern, in time in proportion to both lengths at most."""
    place = at = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            place += 1
            at += 1
        elif star >= 0:
            place = star + 1
            resume += 1
            at = resume
        else:
            return False
    return not pattern[place:].strip("*")


def _written(value: Scalar) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = quoted(value)
            return text if text.startswith('"') else f'"{text}"'
        case _:
            return repr(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
