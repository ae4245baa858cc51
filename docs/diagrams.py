#!/usr/bin/env python3
"""Draws the state tables of the code into docs/architecture.md.

Run it after a change of a table: ``python docs/diagrams.py``. A test fails while the page and the
tables differ.
"""

import enum
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from cloud_sync.core.rollout import rollout_life, stage_life
from edge_agent.core import slots

__all__ = ["PAGE", "diagrams", "with_diagrams"]

PAGE: Final = Path(__file__).with_name("architecture.md")

S = TypeVar("S", bound=enum.Enum)
E = TypeVar("E", bound=enum.Enum)


def diagrams() -> dict[str, str]:
    """Return the text of every diagram by the name that the page calls it."""
    return {
        "slot": _drawn(slots.TRANSITIONS),
        "rollout": _drawn(rollout_life.TRANSITIONS),
        "stage": _drawn(stage_life.TRANSITIONS),
    }


def with_diagrams(page: str) -> str:
    """Return the page with every diagram drawn anew below its mark, ``<!-- diagram: NAME -->``.

    Raises:
        ValueError: A diagram has no mark on the page, or more than one.
    """
    for name, text in diagrams().items():
        mark = f"<!-- diagram: {name} -->\n"
        block = re.compile(re.escape(mark) + r"```mermaid\n.*?^```\n", re.DOTALL | re.MULTILINE)
        page, drawn = block.subn(f"{mark}```mermaid\n{text}```\n", page)
        if drawn != 1:
            raise ValueError(f"{mark.strip()} with a mermaid block stands {drawn} times, not once")
    return page


def _drawn(table: Mapping[S, Mapping[E, S]]) -> str:
    """Return a table of transitions as a Mermaid state diagram, from its first state on."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(table)).value}"]
    for state, ways in table.items():
        events: dict[S, list[str]] = {}
        for event, after in ways.items():
            events.setdefault(after, []).append(event.value)
        lines += [
            f"    {state.value} --> {after.value}: {', '.join(names)}"
            for after, names in events.items()
        ]
        if not ways:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(with_diagrams(PAGE.read_text("utf-8")), "utf-8")
