"""Writes the tables of ``docs/faults.md`` from what is kept of each run of the campaign."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.campaign import Entry, Notebook
from benchmarks.faults import told_by_story
from edge_contract.errors import UsageError
from tests.support.faults.world import Told

__all__ = ["fault_tables", "write_faults"]

_NOTEBOOK: Final = "faults.jsonl"
_PAGE: Final = "faults.md"
_BEGINS: Final = "<!-- written by `python -m benchmarks report` -->"
_ENDS: Final = "<!-- until here -->"

_KINDS: Final = (
    ("kill -9 of an agent", r"agents? (was )?killed|broker and agents killed"),
    ("kill -9 of a collector, or of a cloud that collects", r"(collector|cloud)\b.*killed"),
    ("kill -9 of a broker, or of a server of its cluster", r"broker.*killed|server .* killed"),
    ("kill -9 of the database", r"database killed"),
    ("the database stopped and started", r"database restarted"),
    ("a process frozen", r"frozen"),
    ("power cut at a point of a device's journal", r"power cut"),
    ("disk full", r"disk .* full"),
    ("disk read-only", r"disk .* read-only"),
    ("network cut", r"network cut"),
    ("clock jumps, or is wrong", r"clock"),
    ("page of SQLite damaged", r"pages? .*damaged"),
    ("package cut short", r"package cut short"),
)
"""What people call a kind of fault, and the words of stories that it stands for."""


def write_faults(folder: Path, docs: Path) -> None:
    """Write the tables anew, where runs are kept in ``folder`` and the page is in ``docs``."""
    notebook, page = folder / _NOTEBOOK, docs / _PAGE
    if not (notebook.exists() and page.exists()):
        return
    entries = list(Notebook.opened(notebook, resumes=True).entries.values())
    before, _, rest = page.read_text().partition(f"{_BEGINS}\n")
    _, mark, after = rest.partition(f"{_ENDS}\n")
    if not mark:
        raise UsageError(f"{page} has no place for tables: it needs {_BEGINS!r} and {_ENDS!r}")
    tables = "\n".join(fault_tables(entries))
    page.write_text(f"{before}{_BEGINS}\n{tables}\n{_ENDS}\n{after}")


def fault_tables(entries: Sequence[Entry]) -> Iterator[str]:
    """Return the lines of both tables: by story, and by kind of fault."""
    by_story = told_by_story(entries)
    told = [one for runs in by_story.values() for one in runs]
    codes = Counter(entry.code for entry in entries)
    yield ""
    yield "Code: " + ", ".join(f"{code} ({count} runs)" for code, count in codes.items()) + "."
    yield ""
    yield "| what | runs | faults | rows observed | rows merged | violations |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, runs in by_story.items():
        yield _row(name, runs)
    yield _row("**all**", told)
    yield ""
    yield "| kind of fault | times | in runs | of them with a violation |"
    yield "| --- | ---: | ---: | ---: |"
    for name, words in _KINDS:
        met = [one for one in told if any(re.search(words, fault) for fault in one.faults)]
        times = sum(bool(re.search(words, fault)) for one in met for fault in one.faults)
        yield f"| {name} | {times:,} | {len(met)} | {_violations(met)} |"
    yield ""
    yield "A fault that hits several at once counts for each of them."
    yield ""


def _row(name: str, runs: Sequence[Told]) -> str:
    faults = sum(len(one.faults) for one in runs)
    observed = sum(one.observed for one in runs)
    merged = sum(one.merged for one in runs)
    cells = (name, len(runs), f"{faults:,}", f"{observed:,}", f"{merged:,}", _violations(runs))
    return f"| {' | '.join(map(str, cells))} |"


def _violations(runs: Sequence[Told]) -> int:
    return sum(bool(one.wrong) for one in runs)
