"""Deltas between files of the registry."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from edge_contract.delta import Way

__all__ = ["DeltaShelf", "Recipe"]


class Recipe(NamedTuple):
    """A delta that can be made.

    Attributes:
        new: Digest of the file that it makes.
        old: Digest of the file that it begins with; empty for one that needs none.
        compression: That it uses.
    """

    new: str
    old: str
    compression: str


class DeltaShelf(Protocol):
    """Deltas between files of the registry, made beside everything else. Thread-safe."""

    @property
    def compressions(self) -> Sequence[str]:
        """Those that deltas can be made with, the best first."""
        ...

    def find(self, recipe: Recipe) -> Way | None:
        """Return a delta if it is there, and note that it is in use."""
        ...

    def want(self, recipes: Sequence[Recipe], *, is_urgent: bool = False) -> bool:
        """Make deltas soon, urgent ones first; return whether any of them is still to be made.

        Never waits. What was made, or is not worth it, is not made again.
        """
        ...

    def path(self, digest: str) -> Path | None:
        """Return the file of a delta, by its own digest."""
        ...
