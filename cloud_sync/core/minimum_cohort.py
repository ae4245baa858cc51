"""The minimum cohort: statistics that rest on too few devices are shown to nobody."""

from dataclasses import dataclass

__all__ = ["MinimumCohort"]


@dataclass(frozen=True, slots=True)
class MinimumCohort:
    """How many devices statistics must rest on.

    Attributes:
        devices: At least so many; 1 shows everything.
    """

    devices: int

    @property
    def shows_single_devices(self) -> bool:
        """Whether what one device counted may be shown."""
        return self.devices <= 1

    def withholds(self, devices: int) -> str:
        """Return why statistics of so many devices are not shown; empty if they are."""
        if not 0 < devices < self.devices:
            return ""
        return (
            f"withheld: they rest on {devices} {'device' if devices == 1 else 'devices'}, and "
            f"statistics of fewer than {self.devices} are shown to nobody"
        )

    def withholds_all_but(self, rest: int) -> str:
        """Return why a part of the fleet that leaves ``rest`` devices out is not shown.

        What few devices counted could be told from its difference to the whole fleet.
        """
        if not 0 < rest < self.devices:
            return ""
        return (
            f"withheld: all devices but {rest} are in it, and the difference to the whole fleet "
            f"would rest on fewer than {self.devices}"
        )
