"""How far batch scoring has come, on a terminal; where no person reads along, nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

__all__ = ["Told", "telling"]


class Told(Protocol):
    """Is told after every block."""

    def __call__(self, *, rows: int, rejected: int, fraction: float) -> None:
        """Rows so far, those without a prediction, and which part of the source is read."""
        ...


class _RowsColumn(ProgressColumn):
    """Rows, and how many come in a second."""

    def render(self, task: Task) -> Text:
        rows, first = task.fields["rows"], task.fields["first"]
        elapsed_s = task.elapsed or 0.0
        speed = f", {(rows - first) / elapsed_s:,.0f} rows/s" if elapsed_s > 0.5 else ""
        rejected = f", {task.fields['rejected']:,} rejected" if task.fields["rejected"] else ""
        return Text(f"{rows:,} rows{speed}{rejected}")


@contextmanager
def telling(console: Console, name: str, *, rows: int, is_measured: bool) -> Iterator[Told]:
    """Show a bar while the block runs.

    Args:
        console: Where.
        name: What is scored.
        rows: Done by an earlier run.
        is_measured: Whether it is known which part is done.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), _RowsColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(
            name, total=1.0 if is_measured else None, rows=rows, first=rows, rejected=0
        )

        def tell(*, rows: int, rejected: int, fraction: float) -> None:
            progress.update(task, completed=fraction, rows=rows, rejected=rejected)

        yield tell
