"""Answers: predictions of a block as columns, in the order of its rows."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from edge_agent.batch.blocks import Block
from edge_agent.batch.setting_aside import Predicted
from edge_contract.errors import UsageError
from edge_contract.records import dataclass

if TYPE_CHECKING:
    from edge_agent.prediction import Prediction

__all__ = ["OWN_COLUMNS", "Answers", "answers_of", "checked_kept", "flat_columns"]

OWN_COLUMNS: Final = ("row", "label", "probabilities", "value")


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions by column.

    Attributes:
        columns: ``row`` is the number of the row in its source; then what was asked to be kept of
            it; then of ``label``, ``probabilities`` and ``value`` what the model gives. All are of
            one length.
    """

    columns: Mapping[str, Sequence[object]]

    def __len__(self) -> int:
        return len(self.columns["row"])


def checked_kept(kept: Sequence[str]) -> tuple[str, ...]:
    """Return names of columns to keep; raises ``UsageError`` for those that answers have too."""
    for name in kept:
        if name in OWN_COLUMNS:
            raise UsageError(
                f"column {name!r} cannot be kept: answers have one of that name; rename it"
            )
    return tuple(dict.fromkeys(kept))


def answers_of(block: Block, found: Predicted, kept: Sequence[str]) -> Answers:
    """Return the predictions of a block.

    Raises:
        UsageError: A column to be kept is not there.
    """
    places = [place for part, _ in found.parts for place in part]
    columns: dict[str, list[object]] = {"row": [block.numbers[place] for place in places]}
    for name in kept:
        column = _column(block, name)
        columns[name] = [column[place] for place in places]
    for _, prediction in found.parts:
        for name, values in _predictions(prediction):
            columns.setdefault(name, []).extend(values)
    if any(len(column) != len(places) for column in columns.values()):
        raise UsageError(
            "the version that serves changed within a block, and gives other columns than the one "
            "before: score again"
        )
    if len(found.parts) == 1:
        return Answers(columns)
    order = sorted(range(len(places)), key=places.__getitem__)
    return Answers({name: [column[i] for i in order] for name, column in columns.items()})


def flat_columns(answers: Answers) -> dict[str, Sequence[object]]:
    """Return columns of single values: ``probability_0``, ``probability_1``, ..."""
    flat: dict[str, Sequence[object]] = {}
    for name, column in answers.columns.items():
        if name in ("probabilities", "value") and column and isinstance(column[0], list):
            single = "probability" if name == "probabilities" else name
            parts = zip(*column, strict=True)
            flat |= {f"{single}_{index}": part for index, part in enumerate(parts)}
        else:
            flat[name] = column
    return flat


def _column(block: Block, name: str) -> Sequence[object]:
    match block.rows:
        case Mapping() as columns if name in columns:
            column = columns[name]
            return column.tolist() if hasattr(column, "tolist") else list(column)
        case list() as rows if all(isinstance(row, Mapping) for row in rows):
            return [row.get(name) for row in rows]
        case _:
            raise UsageError(f"column {name!r} is to be kept, but the rows have none of that name")


def _predictions(prediction: "Prediction") -> Iterator[tuple[str, list[object]]]:
    if prediction.labels is not None:
        yield "label", prediction.labels.tolist()
    if prediction.probabilities is not None:
        yield "probabilities", [_finite(row) for row in prediction.probabilities.tolist()]
    if prediction.values is not None:
        yield "value", [_finite(value) for value in prediction.values.tolist()]


def _finite(value: object) -> object:
    """Return a number that JSON has, or a list of them; it has neither NaN nor infinities."""
    match value:
        case list():
            return [_finite(item) for item in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
