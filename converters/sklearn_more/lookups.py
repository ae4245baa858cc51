"""Columns of numbers that are known for each combination of categories."""

from typing import NamedTuple

import numpy as np

from converters.sklearn_more.memberships import column_of, exact_numbers, text_places
from converters.sklearn_more.nodes import Nodes

__all__ = ["Above", "Among", "Lookup", "looked_up"]


class Among(NamedTuple):
    """Which of some texts or whole numbers a column has: 1 for the first, 0 for another one."""

    column: int
    values: tuple[str | int, ...]

    @property
    def size(self) -> int:
        """How many answers there are."""
        return len(self.values) + 1


class Above(NamedTuple):
    """Whether a column of numbers is above a border."""

    column: int
    border: float
    is_missing_above: bool

    @property
    def size(self) -> int:
        """How many answers there are."""
        return 2


class Lookup(NamedTuple):
    """A number for each combination of answers.

    Attributes:
        parts: What is answered.
        numbers: One for each combination; those of the last part follow each other.
    """

    parts: tuple[Among | Above, ...]
    numbers: tuple[float, ...]


def looked_up(nodes: Nodes, columns: str, lookup: Lookup) -> str:
    """Return the numbers of rows: ``float64[batch, 1]``.

    Args:
        nodes: Where to write.
        columns: All columns as numbers; texts are taken from the inputs.
        lookup: The numbers.

    Raises:
        UsageError: A column has not the kind of value that is looked up.
    """
    place = ""
    for part in lookup.parts:
        answer = _among(nodes, part) if isinstance(part, Among) else _above(nodes, columns, part)
        place = nodes("Add", nodes("Mul", place, float(part.size)), answer) if place else answer
    return nodes("Gather", np.array(lookup.numbers), nodes.cast(place, "int64"), axis=0)


def _among(nodes: Nodes, part: Among) -> str:
    """Return the place of each value, from 1, and 0 of others: ``float64[batch, 1]``."""
    kind, given = column_of(nodes, part.column, part.values)
    if kind == "text":
        places = text_places(nodes, given, [str(value) for value in part.values])
    else:
        is_whole = kind == "whole"
        known = exact_numbers(part.values, part.column) if not is_whole else part.values
        places = nodes(
            "LabelEncoder",
            given if is_whole else nodes.cast(given, "float32"),
            domain="ai.onnx.ml",
            values_int64s=list(range(len(part.values))),
            default_int64=-1,
            **{"keys_int64s" if is_whole else "keys_floats": list(known)},
        )
    return nodes("Add", nodes.cast(places, "float64"), 1.0)


def _above(nodes: Nodes, columns: str, part: Above) -> str:
    """Return a 1 for each value above, else a 0: ``float64[batch, 1]``."""
    single = nodes.cast(nodes.cast(nodes.column(columns, part.column), "float32"), "float64")
    is_above = nodes("Greater", single, part.border)
    if part.is_missing_above:
        is_above = nodes("Or", is_above, nodes("IsNaN", single))
    return nodes.cast(is_above, "float64")
