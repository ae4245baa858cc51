"""Options and arguments that several commands share."""

import json
from typing import Annotated, TypeAlias

import typer

from edge_contract.errors import UsageError
from edge_contract.names import Version, checked_name
from edge_contract.reading import JsonValue
from edgefleet.environment import CLOUD_VARIABLE, DEFAULT_URL

__all__ = [
    "AsJson",
    "CloudUrl",
    "DeviceFilter",
    "DeviceGroup",
    "duration_s",
    "examples",
    "key_value",
    "model_and_version",
    "sub_app",
]

CloudUrl: TypeAlias = Annotated[
    str,
    typer.Option(
        "--cloud",
        metavar="URL",
        envvar=CLOUD_VARIABLE,
        help=f"Address of the cloud (default {DEFAULT_URL}).",
        show_default=False,
    ),
]

AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON for a script instead of a table for a person.")
]


DeviceFilter: TypeAlias = Annotated[
    str,
    typer.Option(
        "--filter",
        metavar="FILTER",
        help="Only devices it describes: 'tag.site == \"oslo\" and memory_mb >= 512'.",
        show_default=False,
    ),
]

DeviceGroup: TypeAlias = Annotated[
    str, typer.Option("--group", help="Only devices in this group.", show_default=False)
]


def sub_app(help_text: str) -> typer.Typer:
    """Return an app for a group of commands; without a command it prints its help."""
    return typer.Typer(help=help_text, no_args_is_help=True)


def examples(*lines: str) -> str:
    """Return the end of a help page."""
    return "\n\n".join(["[bold]Examples[/bold]", *(f"[cyan]{line}[/cyan]" for line in lines)])


def model_and_version(text: str) -> tuple[str, str]:
    """Read ``NAME@VERSION``.

    Raises:
        UsageError: It is written otherwise.
    """
    name, separator, version = text.partition("@")
    if not separator:
        raise UsageError(f"{text!r} names no version; write it like digits@1.2.0")
    return checked_name(name, "model"), str(Version.parse(version))


def duration_s(text: str) -> float:
    """Read a span of time, ``90s``, ``30m``, ``24h`` or ``7d``, as seconds.

    Raises:
        UsageError: It is written otherwise, or is not above 0.
    """
    number, unit = text.strip()[:-1], text.strip()[-1:]
    try:
        seconds = float(number) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]
    except (KeyError, ValueError) as error:
        raise UsageError(f"{text!r} is no span of time; write it like 30m, 24h or 7d") from error
    if not 0 < seconds < 1e9:
        raise UsageError(f"a span of time must be above 0 and below 30 years, got {text!r}")
    return seconds


def key_value(text: str) -> tuple[str, JsonValue]:
    """Read ``KEY=VALUE``; a value that is JSON is taken as such, any other one is text.

    Raises:
        UsageError: There is no ``=``.
    """
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise UsageError(f"argument {text!r} is no KEY=VALUE; write it like seconds=5")
    try:
        parsed: JsonValue = json.loads(value)
    except ValueError:
        return key, value
    return key, parsed
