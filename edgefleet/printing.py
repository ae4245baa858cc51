"""How commands show their results: tables and sentences for people, JSON for scripts.

Standard output carries nothing but the result, so that it can be piped. Colours are left out, and
rows are never cut, where no person reads along.
"""

import json
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cloud_sync.api.json_views import view_to_json

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "ago",
    "clock",
    "how_many",
    "plain",
    "print_hanging",
    "print_json",
    "print_line",
    "print_table",
    "share",
]

_PIPED_WIDTH: Final = 500

_STYLES: Final = {
    "online": "green",
    "succeeded": "green",
    "active": "green",
    "running": "cyan",
    "paused": "yellow",
    "awaiting_approval": "yellow",
    "offline": "bright_black",
    "unreachable": "red",
    "rolled_back": "red",
    "aborted": "red",
    "failed": "red",
    "bad": "red",
}


def print_json(value: object) -> None:
    """Print a view, or a list of views, as JSON."""
    json.dump(view_to_json(value), sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = ""
) -> None:
    """Print rows under their headings; numbers stand right, states have their colour."""
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for index, column in enumerate(columns):
        is_number = all(isinstance(row[index], int | float) for row in listed) and bool(listed)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(_shown(cell), style=_STYLES.get(str(cell), "")) for cell in row))
    _console().print(table)


def print_line(text: str, *, style: str = "") -> None:
    """Print a sentence."""
    from rich.text import Text

    _console().print(Text(text, style=style or _STYLES.get(text, "")), soft_wrap=True)


def print_hanging(first: str, text: str, *, style: str = "") -> None:
    """Print a sentence whose further lines stand under its first word.

    Where no person reads along it stays on one line, so that it can be searched.
    """
    from rich.text import Text

    console = _console()
    width = max(console.width - len(first), 20)
    lines = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
    if not console.is_terminal:
        lines = [text]
    for index, line in enumerate(lines):
        start = first if index == 0 else " " * len(first)
        console.print(Text(start + line, style=style), soft_wrap=True)


def ago(at_unix_s: float) -> str:
    """Return how long ago that was: ``12 s``, ``5 min``, ``3 h``, ``2 d``."""
    if at_unix_s <= 0:
        return "never"
    passed_s = max(0.0, time.time() - at_unix_s)
    for limit_s, unit_s, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if passed_s < limit_s:
            return f"{passed_s / unit_s:.0f} {unit} ago"
    return f"{passed_s / 86_400:.0f} d ago"


def clock(at_unix_s: float) -> str:
    """Return the local date and time."""
    return f"{datetime.fromtimestamp(at_unix_s).astimezone():%Y-%m-%d %H:%M:%S}"


def share(fraction: float) -> str:
    """Return a fraction as people read it: ``10 %``, ``0.5 %``."""
    return f"{fraction * 100:.3g} %"


def how_many(count: int, noun: str) -> str:
    """Return a count and what is counted: ``1 device``, ``1,200 devices``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def plain(text: str) -> str:
    """Return text with every character that cannot be seen written out as its code.

    Names come from files and devices of other people; a terminal obeys control characters, and
    invisible ones can make a name look like another one.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _shown(cell: object) -> str:
    match cell:
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float():
            return f"{cell:.4g}"
        case _:
            return plain(str(cell))


def _console() -> "Console":
    from rich.console import Console

    is_piped = not sys.stdout.isatty()
    return Console(highlight=False, width=_PIPED_WIDTH if is_piped else None)
