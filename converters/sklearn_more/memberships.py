"""Columns of categories, as trees see them: whether a value is one of some."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.sklearn_more.nodes import Nodes
from edge_contract.errors import UsageError

__all__ = [
    "Membership",
    "answers_of",
    "column_of",
    "exact_numbers",
    "numbers_of",
    "text_places",
]

_LARGEST_EXACT: Final = 2**24
"""Up to here a float32 tells all whole numbers apart."""


class Membership(NamedTuple):
    """A question about a column.

    Attributes:
        column: Its place.
        values: The texts or whole numbers of which a value may be one.
        known: All categories, if any other is a missing one; the same in all questions about a
            column.
        rounding: ``Floor`` or ``Trunc``, if fractions are rounded before; the same, too.
    """

    column: int
    values: frozenset[str | int]
    known: frozenset[str | int] = frozenset()
    rounding: str = ""


def numbers_of(nodes: Nodes) -> str:
    """Return the inputs side by side as numbers, of which texts are 0: ``float64[batch, all]``."""
    if "text" not in nodes.input_kinds:
        return nodes.x
    parts = [
        nodes.cast(nodes("Equal", text_places(nodes, given, ()), 0), "float64")
        if kind == "text"
        else nodes.cast(given, "float64")
        for given, kind in zip(nodes.inputs, nodes.input_kinds, strict=True)
    ]
    return nodes("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def answers_of(
    nodes: Nodes, numbers: str, memberships: Sequence[Membership]
) -> Iterator[tuple[list[int], str]]:
    """Yield, column by column, the places of questions and their answers.

    Answers are ``float64[batch, places]``: 1, 0, or NaN of a missing value.

    Args:
        nodes: Where to write.
        numbers: All columns as numbers, those that mean missing ones as NaN.
        memberships: The questions.

    Raises:
        UsageError: Texts are asked for in a column of numbers or numbers in one of texts, or whole
            numbers are too large for the input's float32.
    """
    asked: dict[int, list[int]] = {}
    for place, it in enumerate(memberships):
        asked.setdefault(it.column, []).append(place)
    for places in asked.values():
        yield places, _answers(nodes, numbers, [memberships[place] for place in places])


def column_of(nodes: Nodes, column: int, values: Sequence[str | int]) -> tuple[str, str]:
    """Return what a column holds, and the column as it is given: ``[batch, 1]``.

    Raises:
        UsageError: The values are not of the kind that it holds.
    """
    kind, given = nodes.kind_and_column(column)
    if any(isinstance(value, str) is not (kind == "text") for value in values):
        raise UsageError(
            f"column {column} of X holds {'texts' if kind == 'text' else 'numbers'}, but the "
            f"model's categories in it are like {values[0]!r}: give X with the types of the rows "
            "that the model was fitted on"
        )
    return kind, given


def exact_numbers(values: Sequence[str | int], column: int) -> NDArray[np.float64]:
    """Return categories as numbers, all of which a float32 tells apart.

    Raises:
        UsageError: It does not.
    """
    numbers = np.array([int(value) for value in values], dtype=np.float64)
    largest = np.abs(numbers).max(initial=0)
    if largest > _LARGEST_EXACT:
        raise UsageError(
            f"column {column} of X has the category {largest:.0f}, which a float32 cannot tell "
            "from its neighbours: give a table whose column holds whole numbers, or number "
            "categories from 0"
        )
    return numbers


def text_places(nodes: Nodes, given: str, known: Sequence[str]) -> str:
    """Return the place of each text among the known ones, -1 of others: ``int64``."""
    return nodes(
        "LabelEncoder",
        given,
        domain="ai.onnx.ml",
        keys_strings=list(known) or [""],
        values_int64s=list(range(len(known))) or [-1],
        default_int64=-1,
    )


def _answers(nodes: Nodes, numbers: str, asked: Sequence[Membership]) -> str:
    """Return the answers to questions about one column: ``float64[batch, questions]``."""
    column, _, known, rounding = asked[0]
    wanted = sorted(known.union(*(it.values for it in asked)), key=str)
    kind, given = column_of(nodes, column, wanted)
    match kind:
        case "text":
            given = text_places(nodes, given, [str(value) for value in wanted])
            found = nodes("Equal", given, np.arange(len(wanted)).reshape(1, -1))
        case "whole":
            found = nodes("Equal", given, np.array([[int(value) for value in wanted]]))
        case _:
            given = nodes.column(numbers, column)
            values = exact_numbers(wanted, column).reshape(1, -1)
            found = nodes("Equal", _rounded(nodes, given, rounding), values)
    hits = nodes.cast(found, "float64")
    members = np.array([[value in it.values for it in asked] for value in wanted])
    answers = nodes.linear(hits, members)
    if known:
        is_missing = nodes("Equal", nodes.total(hits), 0.0)
    elif kind == "number":
        is_missing = nodes("IsNaN", given)
    else:
        return answers
    return nodes("Where", is_missing, np.float64(np.nan), answers)


def _rounded(nodes: Nodes, value: str, rounding: str) -> str:
    if rounding == "Trunc":
        return nodes("Mul", nodes("Sign", value), nodes("Floor", nodes("Abs", value)))
    return nodes(rounding, value) if rounding else value
