"""What detectors of counts remember between two portions, and which portions they can judge."""

from collections.abc import Mapping
from typing import Protocol

from cloud_sync.core.alarms.dependence import LiveDependence
from cloud_sync.core.alarms.standing import Elapsed, Standings
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import Profile, ProfileSpec

__all__ = ["DetectorMemory", "can_judge"]


class _Watch(Protocol):
    """The evidence about one subject."""

    def to_state(self) -> JsonObject: ...
    def restore(self, state: Reader, /) -> None: ...


class DetectorMemory:
    """When rows came last, which alarms stand, and how much live rows depend on each other.

    Args:
        package: What is watched.
    """

    __slots__ = ("_is_known", "dependence", "elapsed", "standings")

    def __init__(self, package: PackageFacts) -> None:
        self.elapsed = Elapsed()
        self.standings = Standings()
        self.dependence = LiveDependence()
        self._is_known = package.reference.variance_inflation > 1.0

    @property
    def caution(self) -> float:
        """How much more evidence to ask for while the dependence of rows is not measured yet."""
        return 1.0 if self._is_known else self.dependence.caution

    def to_state(self, watches: Mapping[str, _Watch]) -> JsonObject:
        """Return everything, with the evidence of the watches by subject."""
        return {
            "last_unix_s": self.elapsed.to_json(),
            "standing": self.standings.to_json(),
            "watches": {subject: watch.to_state() for subject, watch in watches.items()},
            "dependence": self.dependence.to_state(),
        }

    def restore(self, state: Reader, watches: Mapping[str, _Watch]) -> None:
        """Take over :meth:`to_state`; what is known of other subjects is forgotten.

        Raises:
            MessageError: It is no such state.
        """
        self.elapsed.restore(state["last_unix_s"])
        self.standings.restore(state["standing"], known=frozenset(watches))
        for subject, kept in state["watches"].fields().items():
            if subject in watches:
                watches[subject].restore(kept)
        self.dependence = LiveDependence.from_state(state["dependence"])


def can_judge(package: PackageFacts, increment: Profile, *, role: str, stratum: str) -> bool:
    """Return whether the reference knows the stratum that some counts are of.

    Raises:
        UsageError: The counts are of another package or role.
    """
    spec: ProfileSpec = package.specs[role]
    if increment.spec is not spec and increment.spec != spec:
        raise UsageError(
            f"these counts are not of {package.manifest.reference} in the {role} role: "
            "give each detector the counts of its own package and role"
        )
    strata = package.reference.strata
    return strata is None or not stratum or stratum in strata.parts
