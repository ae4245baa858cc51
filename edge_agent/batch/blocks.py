"""Blocks: some rows of a source at a time, and those among them that cannot be read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from edge_agent.adapters.inputs import Rows
from edge_agent.adapters.wording import shortened
from edge_contract.errors import UsageError

__all__ = ["BLOCK_ROWS", "BadRow", "Block", "check_names"]

BLOCK_ROWS: Final = 2048
"""Most rows of a block; where an interrupted run goes on is counted in blocks."""


class BadRow(NamedTuple):
    """A row without a prediction.

    Attributes:
        number: Which one of its source, from 1; empty lines are no rows.
        text: What is wrong with it.
        values: What stood there, as far as it could be read.
    """

    number: int
    text: str
    values: object = None


class Block(NamedTuple):
    """Some rows.

    Attributes:
        rows: Those that could be read.
        fraction: Which part of the source is read after them; 0 where that cannot be known.
        numbers: Which rows of the source they are, from 1.
        bad: Those that could not be read.
    """

    rows: Rows
    fraction: float
    numbers: Sequence[int]
    bad: tuple[BadRow, ...] = ()

    def values_at(self, index: int) -> object:
        """Return one row as its source had it: a list, an object, or values by column."""
        match self.rows:
            case Mapping() as columns:
                return {name: columns[name][index] for name in columns}
            case rows:
                return rows[index]  # type: ignore[index]


def check_names(names: Sequence[str], source: str) -> None:
    """Raise ``UsageError`` if columns of a source share a name."""
    several = [name for name, count in Counter(names).items() if count > 1]
    if several:
        raise UsageError(
            f"{source} has several columns of the same name: {shortened(several)}; rename them"
        )
