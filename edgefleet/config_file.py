"""Files in TOML that commands are configured by.

A value on the command line wins over one in the environment, that over the file, and that over the
default. The file is read before the other options and handed to the command line as its defaults.
"""

import difflib
import json
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import typer

from edge_contract.errors import UsageError

__all__ = ["Key", "print_settings", "read_settings", "reader_of", "toml_text"]


class Key(NamedTuple):
    """What a key of a file sets.

    Attributes:
        parameter: The parameter of the command.
        kind: ``text``, ``number``, ``whole``, ``flag``, ``texts``, ``names`` (a text or several) or
            ``table``.
    """

    parameter: str
    kind: str = "text"


_EXPECTED: Final = {
    "text": "a text",
    "number": "a number",
    "whole": "a whole number",
    "flag": "true or false",
    "texts": "a list of texts",
    "names": "a text or a list of texts",
    "table": "a table of texts",
}
_ORIGINS: Final = {
    "COMMANDLINE": "command line",
    "ENVIRONMENT": "environment",
    "DEFAULT_MAP": "file",
}


def read_settings(path: Path, keys: Mapping[str, Key]) -> dict[str, object]:
    """Return what a file sets, by parameter.

    Args:
        path: The file.
        keys: All keys that it may have, by their dotted names.

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
    for name, value in _flat(content, keys):
        if name not in keys:
            raise UsageError(f"{str(path)!r}: key {name!r} is unknown{_suggestion(name, keys)}")
        found[keys[name].parameter] = _checked(path, name, value, keys[name].kind)
    return found


def reader_of(
    keys: Mapping[str, Key],
) -> Callable[[typer.Context, Path | None], Path | None]:
    """Return the callback of an option that names the file; it must be an eager one."""

    def read_into(context: typer.Context, path: Path | None) -> Path | None:
        """Make what the file sets the defaults of the command."""
        if path is not None and not context.resilient_parsing:
            context.default_map = read_settings(path, keys)
        return path

    return read_into


def print_settings(
    context: typer.Context,
    values: Mapping[str, object],
    *,
    keys: Mapping[str, Key],
    secrets: Collection[str],
) -> None:
    """Print as TOML what a command goes by, and where each value comes from.

    Args:
        context: Of the command.
        values: By parameter.
        keys: All keys of the file; tables that are values themselves come last.
        secrets: Parameters whose values are not shown.
    """
    table = ""
    for name, key in keys.items():
        value = values[key.parameter]
        if key.kind == "table" and value:
            continue
        head, _, last = name.rpartition(".")
        if head != table:
            typer.echo(f"\n[{head}]")
            table = head
        origin = _origin(context, key.parameter)
        if value is None:
            typer.echo(f"# {last} is not set")
        else:
            shown = "********" if key.parameter in secrets and value else value
            if key.kind == "names" and isinstance(value, list) and len(value) == 1:
                shown = value[0]
            typer.echo(f"{last} = {toml_text(shown)}  # {origin}")
    for name, key in keys.items():
        if key.kind == "table":
            _print_table(name, values[key.parameter], _origin(context, key.parameter))


def _print_table(name: str, pairs: object, origin: str) -> None:
    if not isinstance(pairs, Sequence) or not pairs:
        return
    typer.echo(f"\n[{name}]  # {origin}")
    for pair in pairs:
        key, _, value = str(pair).partition("=")
        typer.echo(f"{toml_text(key)} = {toml_text(value)}")


def _origin(context: typer.Context, parameter: str) -> str:
    source = context.get_parameter_source(parameter)
    return "default" if source is None else _ORIGINS.get(source.name, "default")


def toml_text(value: object) -> str:
    """Return a value as TOML has it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False)  # TOML's escapes are JSON's
        case int() | float():
            return repr(value)
        case Mapping():
            return "{}"
        case Sequence():
            return f"[{', '.join(map(toml_text, value))}]"
        case _:
            return json.dumps(str(value))


def _flat(content: Mapping[str, object], keys: Mapping[str, Key]) -> Iterator[tuple[str, object]]:
    """Yield dotted names and values; tables that are values themselves stay whole."""
    for name, value in content.items():
        match value:
            case dict() if name not in keys and value:
                yield from ((f"{name}.{inner}", item) for inner, item in value.items())
            case _:
                yield name, value


def _checked(path: Path, name: str, value: object, kind: str) -> object:
    """Return a value as the command line takes it."""
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


def _suggestion(name: str, keys: Mapping[str, Key]) -> str:
    names: Sequence[str] = [*keys]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not close:  # the right name in another table, or in none
        last = name.rpartition(".")[2]
        close = [key for key in names if key.rpartition(".")[2] == last][:1]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f" (known: {', '.join(names)})"
