"""``edgefleet report``: what a model version saw, and how it fares."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from edgefleet.options import AsJson, CloudUrl, duration_s, examples, model_and_version

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "report",
        epilog=examples(
            "edgefleet report digits@1.0.0",
            "edgefleet report digits@1.0.0 --since 24h --html digits.html",
            "edgefleet report digits@1.0.0 --segment site=oslo --json",
        ),
    )(report)


def report(
    model: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="Which one.")],
    html: Annotated[
        Path | None, typer.Option(help="Write the report to this file, as one page of HTML.")
    ] = None,
    since: Annotated[
        str,
        typer.Option(metavar="TIME", help="How far back: 90m, 24h, 7d (default: the last hour)."),
    ] = "",
    segment: Annotated[
        str,
        typer.Option(metavar="TAG=VALUE", help="Only devices with this tag, such as site=oslo."),
    ] = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Report on a version: drift, performance, and where it goes wrong.

    Per column the reference against what devices see, distances, and the evidence that decides
    about alarms; quality estimated and measured; the worst segments and devices.
    """
    import time

    from edgefleet.client import Cloud
    from edgefleet.printing import print_json
    from edgefleet.report.content import fleet_report
    from edgefleet.report.files import write_page
    from edgefleet.report.terminal import print_report

    name, version = model_and_version(model)
    since_unix_s = time.time() - duration_s(since) if since else None
    with Cloud(cloud, program="cli", timeout_s=60.0) as connection:
        view = connection.statistics(name, version, segment=segment, since_unix_s=since_unix_s)
    found = fleet_report(view)
    if html is not None:
        write_page(found, html)
    if as_json:
        print_json(view)
    elif html is None:
        print_report(found)
    else:
        sys.stdout.write(f"{found.headline}; the report is in {html}\n")
