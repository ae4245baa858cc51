"""What XGBoost's categorical splits ask."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from converters.sklearn_more.memberships import Membership
from edge_contract.errors import UsageError

__all__ = ["categories_of", "questions_of"]

_ASCII: Final = 128


def categories_of(model: Mapping[str, object]) -> list[tuple[str | int, ...]]:
    """Return the categories of each column of the table that a model was fitted on.

    Columns of numbers have none, and so have all columns of arrays: their categories are whole
    numbers.

    Args:
        model: What XGBoost keeps of its trees.

    Raises:
        UsageError: They are neither texts nor whole numbers.
    """
    match model.get("cats"):
        case {"enc": list(columns)}:
            return [_values(column) for column in columns]
        case _:
            return []


def questions_of(
    tree: Mapping[str, Sequence[int]], categories: Sequence[tuple[str | int, ...]]
) -> dict[int, Membership]:
    """Return the questions of a tree about categories, by node; members go right."""
    found = {}
    parts = zip(
        tree["categories_nodes"],
        tree["categories_segments"],
        tree["categories_sizes"],
        strict=True,
    )
    for node, begin, size in parts:
        column = int(tree["split_indices"][node])
        codes = [int(code) for code in tree["categories"][begin : begin + size]]
        known = categories[column] if column < len(categories) else ()
        found[node] = (
            Membership(column, frozenset(known[code] for code in codes), frozenset(known))
            if known
            else Membership(column, frozenset(codes), rounding="Floor")
        )
    return found


def _values(column: object) -> tuple[str | int, ...]:
    match column:
        case {"offsets": list(offsets), "values": list(content)}:
            if any(not 0 <= value < _ASCII for value in content):
                raise UsageError(
                    "XGBoost keeps but a part of category names with other letters than those of "
                    "ASCII: rename these categories before fitting"
                )
            letters = bytes(content).decode("ascii")
            return tuple(letters[begin:end] for begin, end in itertools.pairwise(offsets))
        case {"values": list(content)} if all(float(value).is_integer() for value in content):
            return tuple(int(value) for value in content)
        case _:
            raise UsageError(
                "XGBoost's model has categories that are neither texts nor whole numbers: turn "
                "them into texts before fitting"
            )
