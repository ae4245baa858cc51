"""A cell that nothing was merged in yet."""

from collections.abc import Sequence

from cloud_sync.backend import NotFoundError
from cloud_sync.cell_views import CellStateView, CellView, CellWindowView
from cloud_sync.ports.cells import WindowPlace

__all__ = ["MemoryCell"]


class MemoryCell:
    """Implements :class:`cloud_sync.cell_views.CellBook`."""

    def __init__(self, fleet: str) -> None:
        self._fleet = fleet

    def cell(self) -> CellView:
        return CellView("0123456789abcdef", self._fleet, ())

    def state(self, package: str, role: str) -> CellStateView:
        raise NotFoundError(f"there are no statistics of package {package!r} as {role!r} here")

    def windows(
        self, package: str, role: str, places: Sequence[WindowPlace]
    ) -> Sequence[CellWindowView]:
        raise NotFoundError(f"there are no statistics of package {package!r} as {role!r} here")
