"""The file that an agent is configured by, in TOML.

A value on the command line wins over one in the environment, that over the file, and that over the
default. The file is read before the other options and handed to the command line as its defaults.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeAlias

import typer

from edge_contract.errors import UsageError

__all__ = ["KEYS", "ConfigFile", "Key", "defaults_in"]


class Key(NamedTuple):
    """What a key of the file sets.

    Attributes:
        parameter: The parameter of ``edgefleet agent run``.
        kind: ``text``, ``number``, ``whole``, ``flag``, ``texts``, ``names`` (a text or several) or
            ``table``.
    """

    parameter: str
    kind: str = "text"


KEYS: Final[Mapping[str, Key]] = {
    "model": Key("model", "names"),
    "cloud": Key("cloud"),
    "device": Key("device"),
    "fleet": Key("fleet"),
    "state": Key("state"),
    "interval": Key("interval", "number"),
    "username": Key("username"),
    "password": Key("password"),
    "providers": Key("provider", "texts"),
    "device_memory_mb": Key("device_memory_mb", "whole"),
    "variant": Key("variant"),
    "profile": Key("profile"),
    "threads": Key("threads", "whole"),
    "salt": Key("salt"),
    "noise_epsilon": Key("noise_epsilon", "number"),
    "tags": Key("tag", "table"),
    "serve.http": Key("serve"),
    "serve.unix": Key("serve_unix"),
    "serve.batch": Key("serve_batch", "whole"),
    "serve.delay_ms": Key("serve_delay_ms", "number"),
    "serve.deadline": Key("serve_deadline", "number"),
    "limits.memory_mb": Key("max_memory_mb", "whole"),
    "limits.disk_mb": Key("max_disk_mb", "whole"),
    "limits.outbox_mb": Key("outbox_mb", "whole"),
    "updates.download_only": Key("download_only", "flag"),
    "updates.maintenance_window": Key("maintenance_window"),
    "updates.shadow_sample": Key("shadow_sample", "number"),
    "updates.shadow_cpu": Key("shadow_cpu", "number"),
    "log.format": Key("log_format"),
    "log.level": Key("log_level"),
    "log.file": Key("log_file"),
    "log.file_mb": Key("log_file_mb", "number"),
    "log.files": Key("log_files", "whole"),
    "log.predictions": Key("log_predictions", "number"),
}
"""All keys, by their dotted names; ``tags`` is a table of names and texts."""

_EXPECTED: Final = {
    "text": "a text",
    "number": "a number",
    "whole": "a whole number",
    "flag": "true or false",
    "texts": "a list of texts",
    "names": "a text or a list of texts",
    "table": "a table of texts",
}


def defaults_in(path: Path) -> dict[str, object]:
    """Return what a file sets, by parameter.

    Raises:
        UsageError: It cannot be read, or a key is unknown or has a value of another type.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{str(path)!r} is no TOML: {error}") from error
    found: dict[str, object] = {}
    for name, value in _flat(content):
        if name not in KEYS:
            raise UsageError(f"{str(path)!r}: key {name!r} is unknown{_suggestion(name)}")
        found[KEYS[name].parameter] = _checked(path, name, value)
    return found


def _read_into(context: typer.Context, path: Path | None) -> Path | None:
    """Make what the file sets the defaults of the command."""
    if path is not None and not context.resilient_parsing:
        context.default_map = defaults_in(path)
    return path


ConfigFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="TOML file with these options; what is given here or in the environment wins.",
        envvar="EDGEFLEET_CONFIG",
        is_eager=True,
        callback=_read_into,
    ),
]


def _flat(content: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield dotted names and values; tables that are values themselves stay whole."""
    for name, value in content.items():
        match value:
            case dict() if name not in KEYS and value:
                yield from ((f"{name}.{inner}", item) for inner, item in value.items())
            case _:
                yield name, value


def _checked(path: Path, name: str, value: object) -> object:
    """Return a value as the command line takes it."""
    kind = KEYS[name].kind
    match kind, value:
        case "text", str():
            return value
        case "number", int() | float() if not isinstance(value, bool):
            return float(value)
        case "whole", int() if not isinstance(value, bool):
            return value
        case "flag", bool():
            return value
        case "names", str():
            return [value]
        case "texts" | "names", list() if all(isinstance(item, str) for item in value):
            return value
        case "table", dict() if all(isinstance(item, str) for item in value.values()):
            return [f"{inner}={item}" for inner, item in value.items()]
        case _:
            raise UsageError(f"{str(path)!r}: {name} must be {_EXPECTED[kind]}, got {value!r:.60}")


def _suggestion(name: str) -> str:
    names: Sequence[str] = [*KEYS]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not close:  # the right name in another table, or in none
        last = name.rpartition(".")[2]
        close = [key for key in names if key.rpartition(".")[2] == last][:1]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f" (known: {', '.join(names)})"
