"""What a cell shows to those above it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cloud_sync.ports.cells import WindowPlace

__all__ = ["CellBook", "CellStateView", "CellSubjectView", "CellView", "CellWindowView"]


@dataclass(frozen=True, slots=True)
class CellSubjectView:
    """A package in one role that a cell has windows of; ``digest`` tells their state."""

    package: str
    role: str
    digest: str


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell as a whole: ``identity`` tells its store from every other."""

    identity: str
    fleet: str
    subjects: Sequence[CellSubjectView]


@dataclass(frozen=True, slots=True)
class CellWindowView:
    """A window of a cell; ``profile`` is base64, and empty where only the state is told."""

    start_unix_s: int
    span_s: int
    version: str
    rows: int = 0
    calls: int = 0
    failures: int = 0
    dropped: int = 0
    profile: str = ""


@dataclass(frozen=True, slots=True)
class CellStateView:
    """What a cell has of one package in one role: all its windows, and what was ever counted."""

    digest: str
    devices: int
    rows: int
    calls: int
    failures: int
    dropped: int
    windows: Sequence[CellWindowView]


class CellBook(Protocol):
    """What a cell shows to those above it. Thread-safe."""

    def cell(self) -> CellView:
        """Return what there is; raises ``UsageError`` where statistics of few are withheld."""
        ...

    def state(self, package: str, role: str) -> CellStateView:
        """Return the state of a package in a role; raises ``NotFoundError``."""
        ...

    def windows(
        self, package: str, role: str, places: Sequence[WindowPlace]
    ) -> Sequence[CellWindowView]:
        """Return windows as they are now; raises ``NotFoundError`` for a package not there."""
        ...
