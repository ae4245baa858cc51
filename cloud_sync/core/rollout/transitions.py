"""Moves a state by a table and refuses what the table does not list."""

import enum
from collections.abc import Mapping
from typing import TypeVar

from edge_contract.errors import UsageError

__all__ = ["InvalidTransitionError", "moved"]

S = TypeVar("S", bound=enum.Enum)
E = TypeVar("E", bound=enum.Enum)


class InvalidTransitionError(UsageError):
    """An event came in a state that has no transition for it; the state is unchanged."""


def moved(table: Mapping[S, Mapping[E, S]], state: S, event: E, *, what: str) -> S:
    """Return the state after an event.

    Args:
        table: All transitions there are.
        state: The present state.
        event: What happened.
        what: Whose state it is, for the error.

    Raises:
        InvalidTransitionError: The table has no such transition.
    """
    try:
        return table[state][event]
    except KeyError:
        allowed = ", ".join(str(e.value) for e in table[state]) or "nothing, it has ended"
        raise InvalidTransitionError(
            f"{what} is {state.value}: {event.value!r} refused (can: {allowed})"
        ) from None
