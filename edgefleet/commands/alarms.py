"""``edgefleet alarms``: what drifted."""

from typing import Annotated

import typer

from edgefleet.options import AsJson, CloudUrl, examples
from edgefleet.printing import clock, print_json, print_line, print_table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples("edgefleet alarms", "edgefleet alarms --model digits --limit 5 --json")
    )(alarms)


def alarms(
    model: Annotated[str, typer.Option(help="Only of this model.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """List drift alarms, newest first."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.alarms(model=model, limit=limit)
    if as_json:
        print_json(found)
    elif not found:
        print_line("no alarms")
    else:
        rows = [
            (clock(alarm.raised_unix_s), f"{alarm.model}@{alarm.version}", alarm.sentence)
            for alarm in found
        ]
        print_table(("raised", "model", "what happened"), rows)
