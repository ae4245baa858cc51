"""What a conversion tells while it runs: how far it is, and what should be known."""

import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress", "warnings_heard"]

_BETWEEN_LINES_S = 30.0


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
    """Show on standard error how far a conversion is.

    People see a bar that is gone in the end; in logs there is a line every half minute, and so none
    for quick conversions.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    if not sys.stderr.isatty():
        with _lines() as tell:
            yield tell
        return
    says = TextColumn("{task.description}")
    columns = (SpinnerColumn(), says, BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Loading", total=1.0)
        yield lambda step, fraction: bar.update(task, description=step, completed=fraction)


@contextmanager
def _lines() -> Iterator[Callable[[str, float], None]]:
    """Write what is being done and how far it is as a line, again and again until it is over."""
    told = ("Loading", 0.0)
    over, began_s = threading.Event(), time.monotonic()

    def tell(step: str, fraction: float) -> None:
        nonlocal told
        told = step, fraction

    def write() -> None:
        while not over.wait(_BETWEEN_LINES_S):
            step, fraction = told
            passed_s = time.monotonic() - began_s
            sys.stderr.write(f"{step}: {fraction:.0%} after {passed_s:.0f} s\n")
            sys.stderr.flush()

    writer = threading.Thread(target=write, name="progress", daemon=True)
    writer.start()
    try:
        yield tell
    finally:
        over.set()
        writer.join()
