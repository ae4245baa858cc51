"""Answers those above who merge this cell's windows with those of others."""

import base64
from collections.abc import Callable, Sequence

from cloud_sync.backend import NotFoundError
from cloud_sync.cell_views import CellStateView, CellSubjectView, CellView, CellWindowView
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.increments import PackageRole
from cloud_sync.core.minimum_cohort import MinimumCohort
from cloud_sync.ports.cells import CellStore, WindowPlace
from edge_contract.errors import UsageError
from edge_contract.stats import ProfileSpec

__all__ = ["CellDesk"]


class CellDesk:
    """Implements :class:`cloud_sync.cell_views.CellBook`.

    Args:
        store: Where the windows are.
        find: Finds packages of the registry.
        fleet: Name of the fleet.
        min_cohort: A cell that withholds statistics of few devices shows no windows at all, for a
            window of a minute may be of one device.
    """

    def __init__(
        self,
        store: CellStore,
        find: Callable[[str], PackageFacts | None],
        *,
        fleet: str,
        min_cohort: int,
    ) -> None:
        self._store = store
        self._find = find
        self._fleet = fleet
        self._cohort = MinimumCohort(min_cohort)

    def cell(self) -> CellView:
        """Return what there is; raises ``UsageError`` where statistics of few are withheld."""
        self._require_open()
        states = self._store.cell_states()
        known = {subject: digest for subject, digest in states.items() if self._spec(subject)}
        return CellView(
            self._store.identity(),
            self._fleet,
            [CellSubjectView(*subject, digest) for subject, digest in sorted(known.items())],
        )

    def state(self, package: str, role: str) -> CellStateView:
        """Return the state of a package in a role; raises ``NotFoundError``."""
        self._require_open()
        self._required(PackageRole(package, role))
        state = self._store.cell_state(PackageRole(package, role))
        return CellStateView(
            state.digest,
            state.devices,
            *state.totals,
            [CellWindowView(*place, version) for place, version in state.windows.items()],
        )

    def windows(
        self, package: str, role: str, places: Sequence[WindowPlace]
    ) -> Sequence[CellWindowView]:
        """Return windows as they are now; raises ``NotFoundError`` for a package not there."""
        self._require_open()
        subject = PackageRole(package, role)
        found = self._store.cell_windows(subject, self._required(subject), places)
        return [
            CellWindowView(
                *window.place,
                window.version,
                *window.counters,
                base64.b64encode(window.profile).decode(),
            )
            for window in found
        ]

    def _require_open(self) -> None:
        if not self._cohort.shows_single_devices:
            raise UsageError(
                f"this cell shows statistics of fewer than {self._cohort.devices} devices to "
                "nobody, and single windows may be of fewer: it cannot be rolled up"
            )

    def _required(self, subject: PackageRole) -> ProfileSpec:
        spec = self._spec(subject)
        if spec is None:
            raise NotFoundError(
                f"there are no statistics of package {subject.package!r} as {subject.role!r} here"
            )
        return spec

    def _spec(self, subject: PackageRole) -> ProfileSpec | None:
        facts = self._find(subject.package)
        return None if facts is None else facts.specs.get(subject.role)
