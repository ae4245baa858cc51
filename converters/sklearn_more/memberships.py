"""Columns of categories, as trees see them: whether a value is one of some."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.sklearn_more.nodes import Nodes
from edge_contract.errors import UsageError

__all__ = ["Membership", "answers_of", "numbers_of"]

_LARGEST_EXACT: Final = 2**24
"""Up to here a float32 tells all whole numbers apart."""


class Membership(NamedTuple):
    """A question about a column: whether its value is one of these texts or whole numbers."""

    column: int
    values: frozenset[str | int]


def numbers_of(nodes: Nodes) -> str:
    """Return the inputs side by side as numbers, of which texts are 0: ``float64[batch, all]``."""
    if "text" not in nodes.input_kinds:
        return nodes.x
    parts = [
        nodes.cast(nodes("Equal", _codes(nodes, given, ()), 0), "float64")
        if kind == "text"
        else nodes.cast(given, "float64")
        for given, kind in zip(nodes.inputs, nodes.input_kinds, strict=True)
    ]
    return nodes("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def answers_of(nodes: Nodes, memberships: Sequence[Membership]) -> str:
    """Return a 1 or 0 for each question: ``float64[batch, questions]``.

    Raises:
        UsageError: Texts are asked for in a column of numbers or numbers in one of texts, or whole
            numbers are too large for the input's float32.
    """
    asked: dict[int, list[int]] = {}
    for place, (column, _) in enumerate(memberships):
        asked.setdefault(column, []).append(place)
    answers = [
        _answers(nodes, column, [memberships[place] for place in places])
        for column, places in asked.items()
    ]
    order = np.argsort(np.concatenate([np.array(places) for places in asked.values()]))
    together = nodes("Concat", *answers, axis=1) if len(answers) > 1 else answers[0]
    return nodes.columns(together, order)


def _answers(nodes: Nodes, column: int, asked: Sequence[Membership]) -> str:
    """Return the answers to questions about one column: ``float64[batch, questions]``."""
    is_one = len(nodes.inputs) == 1
    position = 0 if is_one else column
    kind, given = nodes.input_kinds[position], nodes.inputs[position]
    is_text = kind == "text"
    if is_one:
        given = nodes.columns(given, np.array([column]))
    known = sorted({value for it in asked for value in it.values}, key=str)
    if any(isinstance(value, str) is not is_text for value in known):
        raise UsageError(
            f"column {column} of X holds {'texts' if is_text else 'numbers'}, but the model's "
            f"categories in it are like {known[0]!r}: give X with the types of the rows that the "
            "model was fitted on"
        )
    match kind:
        case "text":
            is_known = _one_of(
                nodes, _codes(nodes, given, list(map(str, known))), range(len(known))
            )
        case "whole":
            is_known = _one_of(nodes, given, [int(value) for value in known])
        case _:
            is_known = nodes("Equal", nodes.cast(given, "float64"), _exact(known, column))
    found = nodes.cast(is_known, "float64")
    return nodes.linear(found, np.array([[value in it.values for it in asked] for value in known]))


def _codes(nodes: Nodes, given: str, known: Sequence[str]) -> str:
    """Return the place of each text among the known ones, -1 of others: ``int64``."""
    return nodes(
        "LabelEncoder",
        given,
        domain="ai.onnx.ml",
        keys_strings=list(known) or [""],
        values_int64s=list(range(len(known))) or [-1],
        default_int64=-1,
    )


def _one_of(nodes: Nodes, given: str, known: Sequence[int]) -> str:
    """Return which of some whole numbers each is: ``bool[batch, known]``."""
    return nodes("Equal", given, np.array([known], dtype=np.int64))


def _exact(known: Sequence[str | int], column: int) -> NDArray[np.float64]:
    largest = max(abs(int(value)) for value in known)
    if largest > _LARGEST_EXACT:
        raise UsageError(
            f"column {column} of X has the category {largest}, which a float32 cannot tell from "
            "its neighbours: give a table whose column holds whole numbers, or number categories "
            "from 0"
        )
    return np.array([[int(value) for value in known]], dtype=np.float64)
