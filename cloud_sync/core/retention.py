"""How long the cloud remembers what was counted, and how finely."""

from dataclasses import dataclass

from edge_contract.errors import UsageError

__all__ = ["Retention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long windows are kept, and how finely. Nothing is lost but the time of day.

    Attributes:
        fine_days: As they came, by the minute or what the interval is.
        hourly_days: By the hour; by the day from then on.
        days: Then they are forgotten.
    """

    fine_days: float = 2.0
    hourly_days: float = 30.0
    days: float = 400.0

    def __post_init__(self) -> None:
        if not 0 < self.fine_days <= self.hourly_days <= self.days:
            raise UsageError(
                "windows are kept finely for some days, then by the hour, then by the day: got "
                f"{self.fine_days:g}, {self.hourly_days:g} and {self.days:g} days, which must not "
                "fall and be above 0"
            )
