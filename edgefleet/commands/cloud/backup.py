"""``edgefleet cloud backup`` and ``edgefleet cloud restore``."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from edgefleet.commands.cloud.options import Data
from edgefleet.printing import clock, print_line

__all__ = ["backup", "restore"]


def backup(
    file: Annotated[Path, typer.Argument(help="Tar file to write; must not exist.")],
    data: Data = Path("edgefleet-data"),
) -> None:
    """Save a data folder into one file, also while its cloud runs.

    The database is saved as it stands at one moment, with all packages that it speaks of. Of a
    cloud that keeps its data in PostgreSQL the packages are saved; pg_dump saves the rest.
    """
    from cloud_sync.adapters.backup import write_backup

    with _progress("saving") as show:
        summary = write_backup(data, file, on_progress=show)
    print_line(f"saved {summary.files:,} files, {summary.size_bytes / 2**20:,.1f} MiB, in {file}")
    if not summary.has_database:
        print_line("there is no database in the folder: save the one in PostgreSQL with pg_dump")


def restore(
    file: Annotated[Path, typer.Argument(help="Made by `edgefleet cloud backup`.")],
    data: Data = Path("edgefleet-data"),
) -> None:
    """Make a data folder of a backup; every file is checked before the folder appears.

    Devices keep what the cloud has not acknowledged. What was acknowledged after the backup is
    lost with the folder that it was in: no row is counted twice, but those rows are missing.
    """
    from cloud_sync.adapters.backup import restore_backup

    with _progress("restoring") as show:
        summary = restore_backup(file, data, on_progress=show)
    print_line(
        f"restored {summary.files:,} files, {summary.size_bytes / 2**20:,.1f} MiB, as of "
        f"{clock(summary.at_unix_s)}; next: edgefleet cloud run --data {data}"
    )


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how much was written."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda written: progress.update(task, advance=written)
