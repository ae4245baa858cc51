"""What the collector keeps, and how much of it."""

from dataclasses import dataclass

from edge_contract.errors import UsageError
from edge_contract.package import Role

__all__ = ["CollectorConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorConfig:
    """Lengths of windows and limits of the collector.

    Attributes:
        window_s: Length of a window of all devices together, whole seconds.
        device_window_s: Length of a window of one device, whole seconds.
        max_batches: Batches in memory that are not written yet; then the collector is full.
        max_lives: Lives of devices whose marks are kept in memory.
        open_enrolment: Whether telemetry of devices that never announced themselves is merged.
        max_future_s: Windows that end later than so far in the future are misdated.
        max_age_s: So are windows that ended longer ago.
        max_rows_per_s: No device predicts faster; a window that says so is invalid.
        analysed_roles: Roles whose counts the alarm analysis takes.
    """

    window_s: int = 60
    device_window_s: int = 60
    max_batches: int = 2_000
    max_lives: int = 100_000
    open_enrolment: bool = True
    max_future_s: float = 300.0
    max_age_s: float = 40 * 86_400.0
    max_rows_per_s: float = 1e7
    analysed_roles: frozenset[str] = frozenset({Role.PRIMARY, Role.LABELS})

    def __post_init__(self) -> None:
        for name, value in {
            "window_s": self.window_s,
            "device_window_s": self.device_window_s,
            "max_batches": self.max_batches,
            "max_lives": self.max_lives,
        }.items():
            if value < 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
