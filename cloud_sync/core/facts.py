"""Facts that decisions are made from: what is known of devices, packages and cohorts."""

import enum
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edge_contract.messages import Counters, ModelReport
from edge_contract.package import Manifest, Reference, Role, profile_specs
from edge_contract.reading import JsonValue
from edge_contract.stats import Profile, ProfileSpec

__all__ = [
    "CohortStatistics",
    "DeviceFacts",
    "DeviceStatus",
    "EvidenceSource",
    "PackageFacts",
]


class DeviceStatus(enum.Enum):
    """Whether a device can be reached now."""

    ONLINE = "online"
    OFFLINE = "offline"
    """It said farewell."""
    UNREACHABLE = "unreachable"
    """Its last will came, or nothing was heard for the length of its lease."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What the cloud knows of one device.

    Attributes:
        name: The device.
        status: Whether it can be reached.
        boot: Its present life.
        boots: Lives seen; a device that crashes collects them.
        last_seen_unix_s: When anything last came from it, by the cloud's clock.
        desired_generation: Of the desired state that it was sent last.
        reported_generation: Of the desired state that it says it has taken up.
        models: What it reports, by model name.
        facts: Hardware and software.
        tags: What the operator calls it.
        agent_version: Version of edgefleet on it; empty while that is not known.
        pins: Versions that an operator holds it to, by model; rollouts leave it out.
    """

    name: str
    status: DeviceStatus
    boot: int = 0
    boots: int = 0
    last_seen_unix_s: float = 0.0
    desired_generation: int = 0
    reported_generation: int = 0
    models: Mapping[str, ModelReport] = field(default_factory=dict)
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    agent_version: str = ""
    pins: Mapping[str, str] = field(default_factory=dict)


class PackageFacts:
    """A package as the cloud needs it: its manifest, its reference, and how devices count.

    Args:
        digest: Of the package.
        manifest: Its manifest.
        reference: Its reference.
    """

    __slots__ = ("digest", "manifest", "reference", "specs")

    def __init__(self, digest: str, manifest: Manifest, reference: Reference) -> None:
        self.digest = digest
        self.manifest = manifest
        self.reference = reference
        self.specs: dict[str, ProfileSpec] = profile_specs(manifest, reference)


@dataclass(frozen=True, slots=True)
class CohortStatistics:
    """Merged statistics of some devices that ran one package in one role.

    Attributes:
        counters: Rows, calls, failures and drops.
        profile: Their statistics.
        devices: How many devices contributed.
        unjudged: Rows, or calls, that are not in it, by device: of those that counted too much.
        is_bounded: Whether devices enough contributed for one to be bounded, and the source does.
    """

    counters: Counters
    profile: Profile
    devices: int
    unjudged: Mapping[str, int] = field(default_factory=dict)
    is_bounded: bool = False


class EvidenceSource(Protocol):
    """Where statistics of cohorts come from; the warehouse behind it is read, never written."""

    def package(self, digest: str) -> PackageFacts:
        """Return a package of the registry; raises ``UsageError`` if it has none of that digest."""
        ...

    def cohort(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        devices: frozenset[str] | None = None,
        since_unix_s: float = 0.0,
        until_unix_s: float | None = None,
    ) -> CohortStatistics:
        """Return what devices counted for a package.

        Args:
            digest: Of the package.
            role: In which role it saw the rows.
            devices: Only these; ``None`` for all.
            since_unix_s: Only windows that began then or later.
            until_unix_s: Only windows that began before; ``None`` for no end.
        """
        ...

    def by_device(
        self,
        digest: str,
        role: str = Role.PRIMARY,
        *,
        since_unix_s: float = 0.0,
        subjects: Collection[str] | None = None,
    ) -> Mapping[str, CohortStatistics]:
        """Return the same for each device by itself.

        Args:
            digest: Of the package.
            role: In which role it saw the rows.
            since_unix_s: Only windows that began then or later.
            subjects: All that the caller looks at in the profiles; others may be empty there, which
                spares reading them. ``None`` for all.
        """
        ...
