"""What trees ask about categories: the columns of the answers follow those of the rows."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from converters.sklearn_more.lookups import Lookup, looked_up
from converters.sklearn_more.memberships import Membership, answers_of
from converters.sklearn_more.nodes import Nodes

__all__ = ["Question", "Questions", "with_answers"]

Question: TypeAlias = Membership | Lookup


class Questions:
    """Questions, and the columns of their answers.

    Args:
        width: How many columns rows have; answers follow them.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._places: dict[Question, int] = {}

    @property
    def asked(self) -> tuple[Question, ...]:
        """All questions, in the order of their answers."""
        return tuple(self._places)

    def column_of(self, question: Question) -> int:
        """Return the column of the answer."""
        return self._width + self._places.setdefault(question, len(self._places))


def with_answers(nodes: Nodes, columns: str, numbers: str, questions: Sequence[Question]) -> str:
    """Return columns and answers side by side: ``float64[batch, both]``.

    Args:
        nodes: Where to write.
        columns: Of the rows.
        numbers: The same, as questions are asked of them.
        questions: At least one.

    Raises:
        UsageError: A column has not the kind of values that is asked for.
    """
    lookups = [place for place, it in enumerate(questions) if isinstance(it, Lookup)]
    others = [place for place in range(len(questions)) if place not in set(lookups)]
    memberships = [it for it in questions if isinstance(it, Membership)]
    order: list[int] = []
    parts = []
    for places, answers in answers_of(nodes, numbers, memberships):
        order += [others[place] for place in places]
        parts.append(answers)
    for place, lookup in zip(
        lookups, (it for it in questions if isinstance(it, Lookup)), strict=True
    ):
        order.append(place)
        parts.append(looked_up(nodes, numbers, lookup))
    together = nodes("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]
    return nodes("Concat", columns, nodes.columns(together, np.argsort(order)), axis=1)
