"""Merges the windows of cells upwards, each exactly once.

What a store has of a cell is made equal to what the cell has, window by window: a window that
changed is replaced, one that is gone is withdrawn. So it does not matter how often that is done,
where it broke off, or who else does it: a change is worked out from what was read first, and is
written only if nobody has changed that since.
"""

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cloud_sync.adapters.sql.profiles import pack, unpack
from cloud_sync.core.increments import PackageRole
from cloud_sync.ports.cells import CellRecord, CellState, CellStore, CellWindow, WindowPlace
from edge_contract.errors import MessageError, PeerError, UnavailableError, UsageError
from edge_contract.package.digests import short
from edge_contract.stats import ProfileSpec

__all__ = ["CellRollUp", "CellSource", "RolledUp"]

_AT_ONCE: Final = 100
_ATTEMPTS: Final = 20
_DAY_S: Final = 86_400


class CellSource(Protocol):
    """A cell as those above see it. Everything may raise ``UnavailableError``."""

    @property
    def url(self) -> str:
        """Of its API."""
        ...

    def identity(self) -> str:
        """Return what tells its store from every other."""
        ...

    def states(self) -> Mapping[PackageRole, str]:
        """Return the digest of each state."""
        ...

    def state(self, subject: PackageRole) -> CellState:
        """Return the state of one package and role."""
        ...

    def windows(
        self, subject: PackageRole, places: Collection[WindowPlace]
    ) -> Sequence[CellWindow]:
        """Return windows as they are now; those that are gone are left out."""
        ...


@dataclass(frozen=True, slots=True)
class RolledUp:
    """What one pass over one cell did.

    Attributes:
        name: Of the cell.
        subjects: Packages and roles that it has.
        changed: Windows that were written, new or corrected.
        withdrawn: Windows that the cell has no more: merged into longer ones there, or gone back
            with it to a backup.
        unknown: Packages that the registry here does not have; their windows wait.
    """

    name: str
    subjects: int
    changed: int
    withdrawn: int
    unknown: tuple[str, ...] = ()


class CellRollUp:
    """Brings a store to what cells have.

    Args:
        store: Of the parent.
        spec: Finds what the profiles of a package in a role hold; ``None`` if it is not known.
        clock: Returns the wall clock.
    """

    def __init__(
        self,
        store: CellStore,
        spec: Callable[[PackageRole], ProfileSpec | None],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._spec = spec
        self._clock = clock

    def roll_up(self, name: str, cell: CellSource) -> RolledUp:
        """Merge all that a cell has.

        Args:
            name: What people call the cell.
            cell: It.

        Raises:
            UsageError: The cell is this store itself, or another one under the name of an earlier.
            UnavailableError: The cell or the store is out of reach, or the cell changes faster
                than it can be read; what was merged stays, and the next pass goes on.
            PeerError: The cell sent something that is no window.
        """
        cell_id = cell.identity()
        if cell_id == self._store.identity():
            raise UsageError(
                f"cell {name!r} at {cell.url} is the parent's own store, or a copy of it: its "
                "windows would be counted twice"
            )
        known = {record.cell_id: record for record in self._store.cells()}.get(cell_id)
        if known is not None and known.name != name:
            raise UsageError(
                f"cell {name!r} at {cell.url} is the same store as cell {known.name!r}, or a copy "
                f"of it: call it {known.name!r}"
            )
        merged_unix_s = 0.0 if known is None else known.merged_unix_s
        self._store.save_cell(CellRecord(cell_id, name, cell.url, merged_unix_s))
        before = self._store.mirrored_states(cell_id)  # first: what changes later is seen next time
        states = cell.states()
        changed = withdrawn = 0
        unknown: set[str] = set()
        for subject in sorted({*states, *before}):
            if states.get(subject, "") == before.get(subject):
                continue
            spec = self._spec(subject)
            if spec is None:
                unknown.add(subject.package)
                continue
            more, less = self._bring(cell_id, cell, subject, spec, is_there=subject in states)
            changed, withdrawn = changed + more, withdrawn + less
        if not unknown:
            self._store.save_cell(CellRecord(cell_id, name, cell.url, self._clock()))
        return RolledUp(name, len(states), changed, withdrawn, tuple(sorted(unknown)))

    def _bring(
        self,
        cell_id: str,
        cell: CellSource,
        subject: PackageRole,
        spec: ProfileSpec,
        *,
        is_there: bool,
    ) -> tuple[int, int]:
        """Bring one package and role to what the cell has; return what was written and withdrawn.

        What is here is read before what is there. If both are read again after somebody else has
        written, the elder never replaces the newer.
        """
        for _ in range(_ATTEMPTS):
            here = self._store.mirrored(cell_id, subject)
            state = cell.state(subject) if is_there else CellState()
            wanted = [
                place for place, version in state.windows.items()
                if here.windows.get(place) != version
            ]  # fmt: skip
            fresh = self._fetched(cell, subject, spec, wanted)
            if fresh is None:
                continue  # the cell has just merged some of them into longer ones
            gone = [place for place in here.windows if place not in state.windows]
            if self._store.mirror(
                cell_id, subject, state, revision=here.revision, gone=gone, fresh=fresh
            ):
                return len(fresh), len(gone)
        raise UnavailableError(
            f"package {short(subject.package)} changes faster in the cell at {cell.url} than it "
            "can be read; the next pass goes on"
        )

    def _fetched(
        self,
        cell: CellSource,
        subject: PackageRole,
        spec: ProfileSpec,
        places: Sequence[WindowPlace],
    ) -> list[CellWindow] | None:
        """Return windows, each of them read and found right; ``None`` if one of them is gone."""
        found: list[CellWindow] = []
        for begin in range(0, len(places), _AT_ONCE):
            asked = places[begin : begin + _AT_ONCE]
            windows = cell.windows(subject, asked)
            if sorted(window.place for window in windows) != sorted(asked):
                return None
            found += [_checked(window, spec, cell.url) for window in windows]
        return found


def _checked(window: CellWindow, spec: ProfileSpec, url: str) -> CellWindow:
    place = window.place
    if not 0 < place.span_s <= _DAY_S or place.start_unix_s % place.span_s:
        raise PeerError(f"the cell at {url} sent a window {place}, which none can be")
    if min(window.counters) < 0:
        raise PeerError(f"the cell at {url} sent a window with counts below 0: {window.counters}")
    try:
        packed = pack(unpack(window.profile, spec).to_state())
    except (MessageError, ValueError, zlib.error) as error:
        raise PeerError(f"the cell at {url} sent a window that cannot be read: {error}") from error
    return CellWindow(place, window.version, window.counters, packed)
