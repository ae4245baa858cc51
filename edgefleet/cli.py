"""The one command ``edgefleet``: finds its commands and puts them in order.

A new command is a new file in ``edgefleet/commands`` with ``register(app)``. Such files are
imported for every call, ``--help`` included, so they import what is heavy inside their functions.
"""

import importlib
import pkgutil
import sys
from importlib import metadata
from typing import Annotated, Final

import typer
from typer.core import TyperGroup

import edgefleet.commands

__all__ = ["build_app"]

_ORDER: Final = (
    "convert",
    "inspect",
    "package",
    "model",
    "keys",
    "ca",
    "broker",
    "cloud",
    "agent",
    "fleet",
    "rollout",
    "alarms",
    "samples",
    "labels",
    "policy",
    "report",
    "drift",
    "simulate",
)
"""From making a model to watching the fleet; commands that are not named here follow."""


def build_app() -> typer.Typer:
    """Return the program with all its commands."""
    app = typer.Typer(
        name="edgefleet",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        cls=_InOrder,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    for info in pkgutil.iter_modules(edgefleet.commands.__path__):
        importlib.import_module(f"edgefleet.commands.{info.name}").register(app)
    return app


class _InOrder(TyperGroup):
    """Lists its commands in the order in which people meet them."""

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names for the help page."""
        return sorted(self.commands, key=_place)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"edgefleet {metadata.version('edgefleet')}\n")
        raise typer.Exit


def _program(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Run trained models where the data is, and keep the fleet's models healthy.

    [bold]edgefleet demo[/bold] shows all of it on this machine.
    """


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)
