"""``edgefleet drift``: compare two files of rows, without any fleet."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from edgefleet.options import AsJson, examples

__all__ = ["register"]

_DRIFT_FOUND: Final = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "drift",
        epilog=examples(
            "edgefleet drift reference.parquet today.parquet",
            "edgefleet drift reference.csv today.csv --html drift.html --without id",
            "edgefleet drift reference.csv today.csv --model churn-2.1.0.modelpkg --label left",
        ),
    )(drift)


def drift(  # noqa: PLR0917  one argument per option
    reference: Annotated[Path, typer.Argument(help="Rows as they should be.")],
    current: Annotated[Path, typer.Argument(help="Rows to be judged.")],
    html: Annotated[
        Path | None, typer.Option(help="Write the report to this file, as one page of HTML.")
    ] = None,
    false_alarms: Annotated[
        float,
        typer.Option(help="Probability of calling it drift although there is none, all columns."),
    ] = 0.01,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Leave this column out (again for more)."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="PACKAGE", help="Score both files; compare the predictions as well."),
    ] = None,
    label: Annotated[
        str, typer.Option(metavar="COLUMN", help="The truth of each row: measures the model.")
    ] = "",
    independent_rows: Annotated[
        bool,
        typer.Option(
            "--independent-rows",
            help="Neighbouring rows of the reference do not depend on each other, even if they "
            "look so: it is sorted.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two files of rows column by column, with the statistics and tests of the fleet.

    Reads .parquet, .csv with a header, .jsonl and .npz, in bounded memory. Columns are matched by
    name. The exit code is 0 without drift, 3 with it, 1 if it failed, 2 if it was called wrongly.
    """
    from edgefleet.comparing.comparison import compare_files
    from edgefleet.printing import print_json
    from edgefleet.report.content import files_report
    from edgefleet.report.files import write_page
    from edgefleet.report.terminal import print_report

    with _progress() as tell:
        found = compare_files(
            reference,
            current,
            level=false_alarms,
            model=model,
            label=label,
            without=without or (),
            independent_rows=independent_rows,
            progress=tell,
        )
    report = files_report(found)
    if html is not None:
        write_page(report, html)
    if as_json:
        print_json(
            {
                "reference": found.reference,
                "current": found.current,
                "false_alarms": found.level,
                "drifted": found.drifted,
                "notes": list(found.notes),
                "statistics": found.statistics,
            }
        )
    elif html is None:
        print_report(report)
    else:
        sys.stdout.write(f"{report.headline}; the report is in {html}\n")
    if found.drifted:
        raise typer.Exit(_DRIFT_FOUND)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show on standard error what is read, if a person reads along."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda step, fraction: bar.update(task, description=step, completed=fraction)
