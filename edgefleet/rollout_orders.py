"""Orders of rollouts as people write them: on the command line, and in TOML files."""

import math
import time
import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, JsonValue
from edgefleet.options import duration_s

__all__ = ["check_meant", "plan_file", "start_unix_s", "steps_of"]


def steps_of(text: str) -> Sequence[JsonValue]:
    """Read ``0.1,0.5,1`` or ``3dev,10%,1``: shares, percentages and numbers of devices.

    Raises:
        UsageError: A part is none of these.
    """
    return [_step(part.strip()) for part in text.split(",")] if text.strip() else []


def start_unix_s(text: str) -> float:
    """Read when to begin: a span from now, ``2h``, or a date and time, ``2026-12-01T22:00``.

    A time without a zone is one of this machine.

    Raises:
        UsageError: It is neither, or lies in the past.
    """
    now_unix_s = time.time()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return now_unix_s + _span_s(text)
    at_unix_s = at.timestamp()
    if at_unix_s < now_unix_s:
        raise UsageError(f"{text!r} is over: give a time to come, or a span from now such as 2h")
    return at_unix_s


def plan_file(path: Path) -> JsonObject:
    """Read the fields of an order from a TOML file, as the API names them.

    Raises:
        UsageError: It cannot be read, or is no TOML.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read plan {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"plan {str(path)!r} is no TOML: {error}") from error
    return {name: _plain(value, f"{path}: {name}") for name, value in found.items()}


def check_meant(order: JsonObject, *, model: str, version: str) -> None:
    """Check that a plan that names a model or version is about the one that is rolled out.

    Raises:
        UsageError: It is about another one.
    """
    for name, wanted in (("model", model), ("version", version)):
        if order.get(name, wanted) != wanted:
            raise UsageError(
                f"the plan is for {name} {order[name]!r}, not {wanted!r}: "
                "take that out of the file, or roll that out"
            )


def _span_s(text: str) -> float:
    try:
        return duration_s(text)
    except UsageError as error:
        raise UsageError(
            f"{text!r} is no time to begin: give a span from now, such as 2h, "
            "or a date and time, such as 2026-12-01T22:00"
        ) from error


def _step(part: str) -> JsonValue:
    try:
        if part.endswith("dev"):
            return {"count": int(part.removesuffix("dev"))}
        share = float(part.removesuffix("%")) / (100 if part.endswith("%") else 1)
    except ValueError as error:
        raise _no_step(part) from error
    if not math.isfinite(share):
        raise _no_step(part)
    return {"fraction": share} if part.endswith("%") else share


def _no_step(part: str) -> UsageError:
    return UsageError(f"step {part!r} is none; write steps like 0.1,0.5,1, or 3dev,10%,1")


def _plain(value: object, where: str) -> JsonValue:
    match value:
        case bool() | int() | float() | str():
            return value
        case dict():
            return {str(key): _plain(item, f"{where}.{key}") for key, item in value.items()}
        case list():
            return [_plain(item, where) for item in value]
        case datetime():
            return value.timestamp()
        case _:
            raise UsageError(f"{where} is {value!r}: plans hold texts, numbers, true and false")
