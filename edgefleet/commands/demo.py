"""``edgefleet demo``: everything at once, in one terminal."""

from typing import Annotated

import typer
from rich.console import Console

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: edgefleet demo --once")(demo)


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End by itself after the story.")] = False,
    http_port: Annotated[int, typer.Option(help="Dashboard; 0 takes a free one.")] = 0,
    mqtt_port: Annotated[int, typer.Option(help="Devices; 0 takes a free one.")] = 0,
) -> None:
    """Show the whole way of a model on real data, with 20 cameras, in about two minutes.

    Trains on scikit-learn's handwritten digits, converts, runs a cloud and 20 cameras, detects
    drift, promotes a better version, takes a bad one back, and counts every row. The last line on
    standard output is one JSON object; the exit code is 0 only if everything held.
    """
    from edgefleet.demo.show import run_demo

    code = run_demo(Console(), once=once, http_port=http_port, mqtt_port=mqtt_port)
    raise typer.Exit(code)
