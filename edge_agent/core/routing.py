"""Routing: which loaded packages answer calls, as the slots stand."""

from collections.abc import Collection

from edge_agent.core.effects import Route
from edge_agent.core.journal import Journal
from edge_agent.core.slots import SlotState

__all__ = ["NOWHERE", "needed", "route_of"]

NOWHERE = Route("")
"""Nothing answers calls."""


def route_of(
    journal: Journal, *, loaded: Collection[str], loading: Collection[str], present: Route
) -> Route:
    """Return where calls go from now on.

    Args:
        journal: Slots.
        loaded: Packages that can answer calls.
        loading: Packages that soon can.
        present: Where calls go until now.
    """
    serving = journal.serving
    if serving is None:
        return NOWHERE
    if serving.state is SlotState.ACTIVE:
        if serving.digest not in loaded:
            return NOWHERE
        shadows = (slot.digest for slot in journal.slots if slot.state is SlotState.SHADOW)
        return Route(serving.digest, shadow=next(shadows, ""))
    behind = journal.other(serving)
    fallback = behind.digest if behind.good and behind.digest in loaded else ""
    if serving.digest not in loaded:  # after a restart: the good one answers in the meantime
        return Route(fallback)
    if behind.digest in loading:
        return present  # a trial begins when there is something to fall back on
    return Route(serving.digest, fallback=fallback)


def needed(journal: Journal, digest: str) -> bool:
    """Return whether a loaded package is worth its memory.

    That is what serves, what is good (an instant way back), and what the cloud wants next.
    """
    slot = journal.holding(digest)
    if slot is None or slot.state is SlotState.BAD:
        return False
    return slot.serves or slot.good or journal.wants(digest)
