"""Views as JSON and back, and the JSON Schema that describes them.

The dataclasses of ``cloud_sync.backend`` are the one description; the API's answers, the client's
objects and the OpenAPI document all follow from it. JSON has no NaN and no infinity: a number that
is not finite travels as null and comes back as NaN.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import TypeVar, get_args, get_origin, get_type_hints

from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["view_from_json", "view_schemas", "view_to_json"]

V = TypeVar("V")

_LONGEST_TEXT = 1_000_000


def view_to_json(value: object) -> JsonValue:
    """Return a view, or anything that a view may hold, as JSON."""
    match value:
        case None | str() | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case dict() | Mapping():
            return {str(key): view_to_json(item) for key, item in value.items()}
        case list() | tuple() | Sequence():
            return [view_to_json(item) for item in value]
        case _ if is_dataclass(value):
            return {name: view_to_json(getattr(value, name)) for name in _names_of(value.__class__)}
        case _:
            raise TypeError(f"{value!r} has no place in a view")


@functools.cache
def _names_of(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def view_from_json(kind: type[V], reader: Reader) -> V:
    """Rebuild a view; fields that this side does not know are ignored.

    Raises the reader's error if a field is missing or of another type.
    """
    values: dict[str, object] = {}
    view: type = kind
    for name, (hint, has_default) in _fields_of(view).items():
        field_reader = reader.get(name) if has_default else reader[name]
        if field_reader is not None:
            values[name] = _value_from_json(hint, field_reader)
    make: Callable[..., V] = kind
    return make(**values)


def view_schemas(*kinds: type) -> dict[str, JsonObject]:
    """Return JSON Schemas by class name, those of the views inside other views included."""
    found: dict[str, JsonObject] = {}
    waiting = list(kinds)
    while waiting:
        kind = waiting.pop()
        if kind.__name__ in found:
            continue
        hints = {name: hint for name, (hint, _) in _fields_of(kind).items()}
        found[kind.__name__] = {
            "type": "object",
            "description": " ".join((kind.__doc__ or "").split()),
            "properties": {name: _schema(hint) for name, hint in hints.items()},
            "required": list(hints),
        }
        waiting.extend(inner for hint in hints.values() for inner in _views_in(hint))
    return found


@functools.cache
def _fields_of(kind: type) -> Mapping[str, tuple[object, bool]]:
    """Return type and "has a default" of every field.

    ``JsonValue`` is defined by itself, which no reader of type hints can unfold; ``object`` stands
    for it where it is named, see :func:`_is_any_json`.
    """
    if not is_dataclass(kind):
        raise TypeError(f"{kind!r} is no view")
    hints = get_type_hints(kind, localns={"JsonValue": object})
    return {
        f.name: (hints[f.name], f.default is not MISSING or f.default_factory is not MISSING)
        for f in fields(kind)
    }


def _value_from_json(hint: object, reader: Reader) -> object:
    if hint is str:
        return reader.text(max_length=_LONGEST_TEXT)
    if hint is bool:
        return reader.flag()
    if hint is int:
        return reader.integer()
    if hint is float:
        return math.nan if reader.is_null else reader.number()
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType and NoneType in arguments:
        (inner,) = (argument for argument in arguments if argument is not NoneType)
        return None if reader.is_null else _value_from_json(inner, reader)
    if origin is Sequence:
        return tuple(_value_from_json(arguments[0], item) for item in reader.items())
    if origin is Mapping and _is_any_json(arguments[1]):
        return reader.json_object()
    if origin is Mapping:
        items = reader.fields(max_length=1_000_000).items()
        return {key: _value_from_json(arguments[1], item) for key, item in items}
    if isinstance(hint, type):
        return view_from_json(hint, reader)
    raise TypeError(f"views hold no {hint!r}")


def _is_any_json(hint: object) -> bool:
    """Return whether a hint is ``JsonValue``, by name or written out, and not just ``X | None``."""
    members = [member for member in get_args(hint) if member is not NoneType]
    return hint is object or (get_origin(hint) is UnionType and len(members) > 1)


def _schema(hint: object) -> JsonObject:
    if _is_any_json(hint):
        return {}
    if hint is float:
        return {"type": ["number", "null"]}
    simple = {str: "string", bool: "boolean", int: "integer"}
    if isinstance(hint, type) and hint in simple:
        return {"type": simple[hint]}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return _schema(next(argument for argument in arguments if argument is not NoneType))
    if origin is Sequence:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    if isinstance(hint, type):
        return {"$ref": f"#/components/schemas/{hint.__name__}"}
    raise TypeError(f"views hold no {hint!r}")


def _views_in(hint: object) -> list[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [inner for argument in get_args(hint) for inner in _views_in(argument)]
