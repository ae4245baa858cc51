"""Housekeeping: keeps the state folder within its budget, and measures device and agent.

What gives way, in this order, when the folder would grow above its budget:

1. logged predictions are removed;
2. samples are removed, if that was not enough;
3. statistics that wait for the cloud take a quarter of the budget at most: the oldest windows are
   merged, and only then forgotten (:mod:`edge_agent.core.kept_batches`);
4. a new version for which there is no room is not fetched, and the reason is reported.

The versions in use and the journal are never touched.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.resources import Vitals, folder_bytes
from edge_contract.errors import UsageError
from edge_contract.messages import Resources

__all__ = ["BudgetedPackages", "DiskBudget", "GivesWay", "Housekeeping"]

_OUTBOX_SHARE: Final = 0.25
_LEAST_BYTES: Final = 2**20
_EVERY_S: Final = 5.0


class GivesWay(Protocol):
    """What lies in the state folder for people, and is removed before the device lacks room."""

    def size_bytes(self) -> int:
        """Return what it takes."""
        ...

    def clear(self) -> None:
        """Remove all of it."""
        ...


class DiskBudget:
    """How much the state folder may hold.

    Args:
        folder: The state folder.
        most_bytes: ``None`` for as much as there is.

    Raises:
        UsageError: It is too little to work with.
    """

    def __init__(self, folder: Path, most_bytes: int | None) -> None:
        if most_bytes is not None and most_bytes < _LEAST_BYTES:
            raise UsageError(f"the agent needs at least 1 MiB of disk, got {most_bytes} bytes")
        self._folder = folder
        self._most_bytes = most_bytes

    def outbox_bytes(self, wanted: int) -> int:
        """Return how much of it statistics may take."""
        if self._most_bytes is None:
            return wanted
        return min(wanted, int(self._most_bytes * _OUTBOX_SHARE))

    def left_bytes(self) -> int | None:
        """Return what is left, below 0 if it is exceeded; ``None`` without a budget."""
        if self._most_bytes is None:
            return None
        return self._most_bytes - folder_bytes(self._folder)


class BudgetedPackages(FolderPackages):
    """Packages that leave the budget alone: there is no more room than that.

    Args:
        folder: For the packages.
        budget: Of the state folder.
        yielding: What gives way to packages.
        is_durable: Whether they are to be there after a power cut.
    """

    def __init__(
        self,
        folder: Path,
        budget: DiskBudget,
        yielding: Sequence[GivesWay] = (),
        *,
        is_durable: bool = True,
    ) -> None:
        super().__init__(folder, is_durable=is_durable)
        self._budget = budget
        self._yielding = yielding

    def free_bytes(self) -> int:
        """Return how much may still be written."""
        free, left = super().free_bytes(), self._budget.left_bytes()
        if left is None:
            return free
        return max(min(free, left + sum(each.size_bytes() for each in self._yielding)), 0)


class Housekeeping:
    """Looks after the device now and then.

    Args:
        vitals: Measures.
        budget: Of the state folder.
        yielding: What gives way, in this order.
        sweep: Is called once, some time after the start; ``None`` for nothing.
    """

    def __init__(
        self,
        vitals: Vitals,
        budget: DiskBudget,
        yielding: Sequence[GivesWay] = (),
        *,
        sweep: Callable[[], None] | None = None,
    ) -> None:
        self._vitals = vitals
        self._budget = budget
        self._yielding = yielding
        self._sweep = sweep
        self._at_s = -_EVERY_S
        self._latest = Resources()

    def look(self) -> Resources:
        """Make room if there must be, and return the figures; from at most five seconds ago."""
        if time.monotonic() - self._at_s < _EVERY_S:
            return self._latest
        self._at_s = time.monotonic()
        for each in self._yielding:
            left = self._budget.left_bytes()
            if left is None or left >= 0:
                break
            each.clear()
        self._latest = self._vitals.read()
        if self._sweep is not None:
            self._sweep()
            self._sweep = None
        return self._latest
