"""Predicts what fits in a block, and sets aside the rows that do not."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from edge_agent.adapters.inputs import Rows
from edge_agent.adapters.values import RowError
from edge_agent.batch.blocks import BadRow, Block
from edge_contract.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from edge_agent.prediction import Prediction

__all__ = ["Predict", "Predicted", "predicted"]

Predict: TypeAlias = Callable[[Rows], "Prediction"]
"""``Agent.predict``."""


class Predicted(NamedTuple):
    """What came of a block.

    Attributes:
        parts: Predictions, each with the places in the block that its rows have.
        bad: Rows without one, by number.
    """

    parts: "list[tuple[Sequence[int], Prediction]]"
    bad: list[BadRow]


def predicted(block: Block, predict: Predict, features: Sequence[str]) -> Predicted:
    """Predict all rows of a block that fit the model.

    A block is predicted whole. Only where that fails it is halved again and again around what does
    not fit, so that a bad row costs some more calls and never the rows beside it. A row on which
    the model itself fails is set aside too, if the model takes other rows of the block.

    Args:
        block: The rows.
        predict: Predicts some of them.
        features: Names of the model's features; none where its inputs are not a table.

    Raises:
        UsageError: The columns do not fit the model.
        UnavailableError: The model fails on every row.
    """
    found = Predicted([], list(block.bad))
    failures: list[UnavailableError] = []
    has_columns = not isinstance(block.rows, list)
    for places, rows in _alike(block, features):
        part = _Part(block, predict, found, failures)
        try:
            part.add(rows, places)
        except UsageError as error:
            if has_columns:
                raise
            part.refuse(places, str(error))
    if failures and not found.parts:
        raise failures[0]
    return found._replace(bad=sorted(found.bad, key=lambda bad: bad.number))


class _Part:
    """Some rows of a block with one set of columns."""

    def __init__(
        self, block: Block, predict: Predict, found: Predicted, failures: list[UnavailableError]
    ) -> None:
        self._block = block
        self._predict = predict
        self._found = found
        self._failures = failures

    def add(self, rows: Rows, places: Sequence[int]) -> None:
        """Predict rows; raises ``UsageError`` if it is not for single ones that they do not fit."""
        if not places:
            return
        try:
            prediction = self._predict(rows)
        except RowError as error:
            at = error.row
            self.refuse(places[at : at + 1], error.text)
            self._add_halves(rows, places, slice(0, at))
            self._add_halves(rows, places, slice(at + 1, len(places)))
        except UnavailableError as error:
            if len(places) == 1:
                self._failures.append(error)
                self.refuse(places, str(error))
            else:
                self._add_halves(rows, places, slice(0, len(places)))
        else:
            self._found.parts.append((places, prediction))

    def refuse(self, places: Sequence[int], text: str) -> None:
        """Set rows aside."""
        for place in places:
            number, values = self._block.numbers[place], self._block.values_at(place)
            self._found.bad.append(BadRow(number, text, values))

    def _add_halves(self, rows: Rows, places: Sequence[int], part: slice) -> None:
        """Predict a part in two halves: halving bounds the work however many rows are bad."""
        middle = (part.start + part.stop + 1) // 2
        for half in (slice(part.start, middle), slice(middle, part.stop)):
            self.add(_cut(rows, half), places[half])


def _alike(block: Block, features: Sequence[str]) -> Iterator[tuple[Sequence[int], Rows]]:
    """Yield rows that may go into one call, with their places.

    Columns and arrays are alike. JSON lines need not be: they are parted by their form, and what
    they hold beside the model's features is left out.
    """
    if not isinstance(block.rows, list):
        yield range(len(block.numbers)), block.rows
        return
    wanted = frozenset(features)
    groups: dict[object, list[int]] = {}
    for place, row in enumerate(block.rows):
        groups.setdefault(_form(row, wanted), []).append(place)
    for form, places in groups.items():
        rows = [block.rows[place] for place in places]
        if form is wanted:
            yield places, {name: [row[name] for row in rows] for name in features}
        else:
            yield places, rows


def _form(row: object, wanted: frozenset[str]) -> object:
    match row:
        case Mapping():
            names = frozenset(map(str, row))
            return wanted if wanted and wanted <= names else names
        case list():
            return len(row)
        case _:
            return type(row).__name__


def _cut(rows: Rows, part: slice) -> Rows:
    match rows:
        case Mapping():
            return {name: rows[name][part] for name in rows}  # type: ignore[index]
        case np.ndarray():
            return rows[part]
        case _:
            return rows[part]  # type: ignore[index,return-value]
