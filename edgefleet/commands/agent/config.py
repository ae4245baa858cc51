"""``edgefleet agent config``."""

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import typer

from edgefleet.commands.agent.config_file import KEYS
from edgefleet.commands.agent.run import run

__all__ = ["config"]

_SECRETS: Final = ("password", "salt")
_ORIGINS: Final = {
    "COMMANDLINE": "command line",
    "ENVIRONMENT": "environment",
    "DEFAULT_MAP": "file",
}


@functools.wraps(run)
def config(ctx: typer.Context, **values: object) -> None:
    """Print as TOML what ``edgefleet agent run`` with the same arguments would go by."""
    table = ""
    for name, key in KEYS.items():
        value = values[key.parameter]
        if key.kind == "table" and value:
            continue
        head, _, last = name.rpartition(".")
        if head != table:
            typer.echo(f"\n[{head}]")
            table = head
        origin = _origin(ctx, key.parameter)
        if value is None:
            typer.echo(f"# {last} is not set")
        else:
            shown = "********" if key.parameter in _SECRETS else value
            if key.kind == "names" and isinstance(value, list) and len(value) == 1:
                shown = value[0]
            typer.echo(f"{last} = {_toml(shown)}  # {origin}")
    _print_tags(ctx, values["tag"])


def _print_tags(ctx: typer.Context, tags: object) -> None:
    if not isinstance(tags, Sequence) or not tags:
        return
    typer.echo(f"\n[tags]  # {_origin(ctx, 'tag')}")
    for pair in tags:
        name, _, value = str(pair).partition("=")
        typer.echo(f"{_toml(name)} = {_toml(value)}")


def _origin(ctx: typer.Context, parameter: str) -> str:
    source = ctx.get_parameter_source(parameter)
    return "default" if source is None else _ORIGINS.get(source.name, "default")


def _toml(value: object) -> str:
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
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            return json.dumps(str(value))
