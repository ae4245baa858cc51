"""Which files of tests take longest, so that two workers begin with them and end together."""

from pathlib import Path
from typing import Final

import pytest

from tests.architecture.sources import ROOT

__all__ = ["LONGEST", "longest_first"]

LONGEST: Final = (
    "tests/benchmarks/test_benchmarks.py",
    "tests/docs/test_code_blocks.py",
    "tests/converters/test_networks.py",
    "tests/browser/test_page_agent.py",
    "tests/integration/test_rollout.py",
    "tests/integration/test_kill_nine.py",
    "tests/integration/test_cells.py",
)
"""Relative to the repository, the longest first. Each holds up its worker for at least 20 s."""


def longest_first(items: list[pytest.Item]) -> None:
    """Order tests by their files; what is not among the longest keeps its order behind them."""
    places = {ROOT / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(Path(item.path), len(places)))
