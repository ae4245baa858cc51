"""Forgetting what is known of one device."""

from typing import NamedTuple, Protocol

__all__ = ["Erased", "ErasureStore"]


class Erased(NamedTuple):
    """What was forgotten.

    Attributes:
        windows: Statistics of the device by itself, by window.
        answers: Its answers to commands.
    """

    windows: int
    answers: int


class ErasureStore(Protocol):
    """Forgets a device."""

    def erase_device(self, device: str) -> Erased:
        """Forget the device's own statistics, totals, facts, tags and answers.

        What it added to sums of the fleet cannot be told apart from the rest and stays; so do the
        numbers of its batches, which say nothing and keep them from being counted twice, and the
        record of who did what.
        """
        ...
