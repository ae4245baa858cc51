"""What a session may take of its device: how many threads, whether they wait awake, what it keeps.

Measured by ``python -m benchmarks inference``; see ``docs/inference.md``.
"""

import os
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.records import dataclass

__all__ = ["PROFILES", "SessionProfile", "profile_of", "usable_cores"]


@dataclass(frozen=True, slots=True)
class SessionProfile:
    """How a session runs.

    Attributes:
        uses_all_cores: Whether one call may run on all cores that this process may use.
        keeps_memory: Whether what a call needed is kept for the next one.
    """

    uses_all_cores: bool
    keeps_memory: bool

    def threads(self) -> int:
        """Return how many threads a call gets."""
        return usable_cores() if self.uses_all_cores else 1


PROFILES: Final = {
    "low-power": SessionProfile(uses_all_cores=False, keeps_memory=False),
    "balanced": SessionProfile(uses_all_cores=False, keeps_memory=True),
    "throughput": SessionProfile(uses_all_cores=True, keeps_memory=True),
}
"""Every profile by name. In none of them threads wait awake for work: that takes power and, where
others want the cores as well, time."""


def profile_of(name: str) -> SessionProfile:
    """Return a profile; raises ``UsageError`` if there is none of that name."""
    found = PROFILES.get(name)
    if found is None:
        raise UsageError(f"there is no profile {name!r}: choose one of {', '.join(PROFILES)}")
    return found


def usable_cores() -> int:
    """Return how many cores this process may use; the runtime itself counts those of the machine.

    A process that is kept to some cores and has a thread for each of the machine's is two to three
    times slower than one with as many threads as cores.
    """
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1
