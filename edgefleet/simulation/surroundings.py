"""What a simulated device counts for itself, and what it needs of its simulation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from edgefleet.simulation.shelf import Known
from edgefleet.simulation.tally import Tally

__all__ = ["Rows", "Surroundings"]


@dataclass(slots=True)
class Rows:
    """Rows of one device whose predictions were served.

    Attributes:
        observed: Counted by the device.
        acked: Of those, in batches that were acknowledged.
        lost: Told as forgotten, in batches that were acknowledged.
        serving: Digest of the package that serves; empty for none.
        served: Every package that ever served.
    """

    observed: int = 0
    acked: int = 0
    lost: int = 0
    serving: str = ""
    served: set[str] = field(default_factory=set)


class Surroundings(Protocol):
    """What a device needs of the simulation."""

    @property
    def tally(self) -> Tally:
        """Where it counts."""
        ...

    def elapsed_s(self, now_s: float) -> float:
        """Return the time since the simulation began."""
        ...

    def unix_s(self, now_s: float) -> float:
        """Return the time by a right clock."""
        ...

    def later(self, delay_s: float, do: Callable[[float], None]) -> None:
        """Do something so much later; it gets the time."""
        ...

    def find(self, digest: str) -> Known | None:
        """Return a package that is here."""
        ...

    def want(self, digest: str, url: str) -> None:
        """Fetch a package; :meth:`LightDevice.on_package` hears of it."""
        ...

    def serves(self, digest: str) -> None:
        """Note that a device has reported a version as active for the first time."""
        ...
