"""What a cell shows of its windows, and what a store above it keeps of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from cloud_sync.core.increments import PackageRole
from edge_contract.messages import Counters
from edge_contract.stats import ProfileSpec

__all__ = [
    "CellRecord",
    "CellState",
    "CellStore",
    "CellWindow",
    "Mirrored",
    "WindowPlace",
]


class WindowPlace(NamedTuple):
    """A span of time in which a cell counts all its devices together."""

    start_unix_s: int
    span_s: int


@dataclass(frozen=True, slots=True)
class CellState:
    """What a cell has of one package in one role, at one moment.

    Attributes:
        digest: Tells this state from every other.
        totals: What its devices ever counted.
        devices: How many devices counted.
        windows: What tells the content of each window from any other.
    """

    digest: str = ""
    totals: Counters = field(default_factory=Counters)
    devices: int = 0
    windows: Mapping[WindowPlace, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellWindow:
    """One window of a cell.

    Attributes:
        place: When.
        version: Tells its content from any other.
        counters: Rows, calls, failures and drops.
        profile: Statistics, packed.
    """

    place: WindowPlace
    version: str
    counters: Counters
    profile: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a store has of one package in one role of a cell.

    Attributes:
        revision: Rises with each change; 0 if it has nothing of it.
        digest: Of the state that it was brought to.
        windows: As in :class:`CellState`.
    """

    revision: int = 0
    digest: str = ""
    windows: Mapping[WindowPlace, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellRecord:
    """A cell whose windows a store has.

    Attributes:
        cell_id: Of the cell's store.
        name: What people call it.
        url: Of its API.
        merged_unix_s: When all that it had was here.
        rows: Of its devices that served, ever.
        devices: How many those are, at most.
    """

    cell_id: str
    name: str
    url: str
    merged_unix_s: float
    rows: int = 0
    devices: int = 0


class CellStore(Protocol):
    """Both sides: what a cell shows, and what a store above it keeps. Thread-safe."""

    def identity(self) -> str:
        """Return what tells this store from every other; a copy or backup has the same."""
        ...

    def cell_states(self) -> dict[PackageRole, str]:
        """Return the digest of the state of each package and role, at one moment."""
        ...

    def cell_state(self, subject: PackageRole) -> CellState:
        """Return the state of one of them, at one moment."""
        ...

    def cell_windows(
        self, subject: PackageRole, spec: ProfileSpec, places: Collection[WindowPlace]
    ) -> list[CellWindow]:
        """Return windows as they are now; those that are gone are left out."""
        ...

    def cells(self) -> list[CellRecord]:
        """Return the cells whose windows are here, by name."""
        ...

    def save_cell(self, record: CellRecord) -> None:
        """Note a cell, or when it was merged; raises ``UsageError`` for a name that is taken."""
        ...

    def forget_cell(self, cell_id: str) -> int:
        """Forget all windows of a cell; return how many those were."""
        ...

    def mirrored_states(self, cell_id: str) -> dict[PackageRole, str]:
        """Return the digests of what is here of a cell."""
        ...

    def mirrored(self, cell_id: str, subject: PackageRole) -> Mirrored:
        """Return what is here of one package and role of a cell."""
        ...

    def mirror(
        self,
        cell_id: str,
        subject: PackageRole,
        state: CellState,
        *,
        revision: int,
        gone: Collection[WindowPlace],
        fresh: Sequence[CellWindow],
    ) -> bool:
        """Bring what is here to a state, in one transaction.

        Args:
            cell_id: Of the cell.
            subject: Which package in which role.
            state: What the cell has; its windows are not looked at.
            revision: Of what was here when the changes were worked out.
            gone: Windows that the cell has no more.
            fresh: Windows that it has otherwise, or that are new.

        Returns:
            ``False`` if somebody else has changed it meanwhile: nothing was written.
        """
        ...
