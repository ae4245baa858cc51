"""YAML as people write it for settings, read as the JSON that it stands for.

Taken is what YAML 1.2 has in common with JSON: mappings, lists, texts, numbers, true, false and
null. So ``on: no`` is a field ``on`` with the text ``no``. Anchors, aliases and tags are refused:
nothing in settings needs them, and with them a small text can stand for an endless one.
"""

import importlib
import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TypeAlias

from edge_contract.errors import UsageError
from edge_contract.reading import JsonValue

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["read_yaml"]

_MAX_CHARACTERS: Final = 1_000_000
_MAX_DEPTH: Final = 32
_WORDS: Final[dict[str, JsonValue]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,400}", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)

_Events: TypeAlias = "Iterator[object]"


def read_yaml(text: str) -> JsonValue:
    """Return the value of the one document in a text.

    Raises:
        UsageError: It is no YAML, has a key twice, holds what settings do not need, or PyYAML is
            not installed. The message says where.
    """
    if len(text) > _MAX_CHARACTERS:
        raise UsageError(f"{len(text):,} characters are too many: at most {_MAX_CHARACTERS:,}")
    yaml = _library()
    try:
        return _Document(yaml, yaml.parse(text, Loader=yaml.SafeLoader)).value()
    except yaml.YAMLError as error:
        raise UsageError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise UsageError("it is nested too deeply") from error


def _library() -> "ModuleType":
    try:
        return importlib.import_module("yaml")
    except ImportError as error:
        raise UsageError("YAML is read with PyYAML: pip install pyyaml, or write TOML") from error


class _Document:
    """Builds a value from a parser's events, one by one."""

    def __init__(self, yaml: "ModuleType", events: _Events) -> None:
        self._yaml = yaml
        self._events = events

    def value(self) -> JsonValue:
        """Return the value of the only document."""
        yaml = self._yaml
        found: JsonValue = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise UsageError(f"{_at(event)}: a second document begins here; one is read")
                found = self._node(next(self._events), depth=0)
        return found

    def _node(self, event: object, *, depth: int) -> JsonValue:
        yaml = self._yaml
        if depth > _MAX_DEPTH:
            raise UsageError(f"{_at(event)}: it is nested more than {_MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise UsageError(f"{_at(event)}: anchors and aliases are not read; write it out")
        if getattr(event, "tag", None) not in (None, "!"):
            raise UsageError(f"{_at(event)}: tags are not read, found {getattr(event, 'tag', '')}")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(depth=depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth=depth)
        return _scalar(event)

    def _sequence(self, *, depth: int) -> JsonValue:
        found: list[JsonValue] = []
        for event in self._events:
            if isinstance(event, self._yaml.SequenceEndEvent):
                break
            found.append(self._node(event, depth=depth + 1))
        return found

    def _mapping(self, *, depth: int) -> JsonValue:
        yaml = self._yaml
        found: dict[str, JsonValue] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                self._node(event, depth=depth)
                raise UsageError(f"{_at(event)}: a name of a field is a text")
            name = str(getattr(event, "value", ""))
            if name in found:
                raise UsageError(f"{_at(event)}: {name!r} stands there twice")
            found[name] = self._node(next(self._events), depth=depth + 1)
        return found


def _scalar(event: object) -> JsonValue:
    text = str(getattr(event, "value", ""))
    if getattr(event, "style", None):  # in quotes, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise UsageError(f"{_at(event)}: {text:.40} is too large a number")
        return number
    return text


def _at(event: object) -> str:
    mark = getattr(event, "start_mark", None)
    return f"line {getattr(mark, 'line', 0) + 1}, column {getattr(mark, 'column', 0) + 1}"
