"""What a conversion tells while it runs: how far it is, and what should be known."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress", "warnings_heard"]


@contextmanager
def warnings_heard() -> Iterator[list[str]]:
    """Collect warnings, and print each of them once at the end, on standard error."""
    heard: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)  # what libraries tell each other stays out
        try:
            yield heard
        finally:
            heard.extend(dict.fromkeys(str(warning.message) for warning in caught))
            for text in heard:
                sys.stderr.write(f"warning: {text}\n")


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show on standard error how far a conversion is, if a person reads along."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    says = TextColumn("{task.description}")
    columns = (SpinnerColumn(), says, BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("Loading", total=1.0)
        yield lambda step, fraction: bar.update(task, description=step, completed=fraction)
