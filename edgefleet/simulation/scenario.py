"""What happens to a simulated fleet, and when. All times are seconds since its start."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_contract.reading import JsonObject

__all__ = [
    "Away",
    "ClockSkew",
    "Drift",
    "Flapping",
    "OrderedCommand",
    "OrderedRollout",
    "Scenario",
    "Selection",
    "Slow",
    "Span",
    "VersionManner",
]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which devices something happens to.

    Attributes:
        key: Tells this selection from others of the same share: they take other devices.
        sites: Only devices there; empty for all sites.
        share: Which fraction of those.
    """

    key: str
    sites: tuple[str, ...] = ()
    share: float = 1.0

    def takes(self, device: str, site: str) -> bool:
        """Return whether a device is one of them; always the same for the same names."""
        if self.sites and site not in self.sites:
            return False
        digest = hashlib.sha256(f"{self.key}/{device}".encode()).digest()
        return int.from_bytes(digest[:8], "big") < self.share * 2**64


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when; ``until_s`` may be infinite."""

    at_s: float
    until_s: float

    def covers(self, elapsed_s: float) -> bool:
        """Return whether a moment is in it."""
        return self.at_s <= elapsed_s < self.until_s


@dataclass(frozen=True, slots=True)
class Drift:
    """What devices see changes.

    Attributes:
        who: Which devices.
        span: When.
        features: Which inputs; empty for all.
        shift: By how many standard deviations of the reference numbers grow.
        missing: Fraction of the values that is missing.
    """

    who: Selection
    span: Span
    features: tuple[str, ...]
    shift: float
    missing: float


@dataclass(frozen=True, slots=True)
class Flapping:
    """Links that break again and again: up for about ``up_s``, then down for about ``down_s``."""

    who: Selection
    span: Span
    up_s: float
    down_s: float


@dataclass(frozen=True, slots=True)
class Away:
    """All these devices lose their links at the same moment, and may come back ``away_s`` later.

    Attributes:
        who: Which devices.
        at_s: When.
        away_s: For how long.
        restarts: Whether their agents are killed and start anew, with what was saved.
    """

    who: Selection
    at_s: float
    away_s: float
    restarts: bool


@dataclass(frozen=True, slots=True)
class ClockSkew:
    """Clocks that are wrong by ``skew_s``, ahead if that is above 0."""

    who: Selection
    skew_s: float


@dataclass(frozen=True, slots=True)
class Slow:
    """Devices that are slow.

    Attributes:
        who: Which.
        reaction_s: How much later they take up what they hear.
        load_s: How long they take to fetch and load a version.
        latency: How many times as long their predictions take.
    """

    who: Selection
    reaction_s: float
    load_s: float
    latency: float


@dataclass(frozen=True, slots=True)
class VersionManner:
    """How a version behaves on devices; one that is not described behaves well.

    Attributes:
        version: Its name.
        refused: Fraction of the devices on which it cannot be loaded.
        failing: Fraction of the calls that fail.
        slower: How many times as long its predictions take.
        drifts: Fraction of its predictions that are another class than the reference's.
    """

    version: str
    refused: float = 0.0
    failing: float = 0.0
    slower: float = 1.0
    drifts: float = 0.0


@dataclass(frozen=True, slots=True)
class OrderedRollout:
    """A rollout that is ordered of the cloud.

    Attributes:
        at_s: When.
        order: As the API takes it, with ``version``.
        expect: State in which it must have ended; empty for any.
    """

    at_s: float
    order: JsonObject
    expect: str


@dataclass(frozen=True, slots=True)
class OrderedCommand:
    """A command to all simulated devices."""

    at_s: float
    name: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fleet and what happens to it; the file is described in ``docs/simulation.md``.

    Attributes:
        devices: How many.
        minutes: How long it lasts.
        seed: Decides everything that is left to chance.
        model: Which model devices run.
        features: How many inputs it has, where the simulation makes it.
        sites: Of the devices, in turns; the tag ``site``.
        interval_s: Length of a telemetry window, where the simulation starts the cloud.
        rows_per_s: Rows that each device observes in a second.
        connect_over_s: Devices connect for the first time within so long; 0 for a storm.
    """

    devices: int = 100
    minutes: float = 2.0
    seed: int = 7
    model: str = "simulated"
    features: int = 20
    sites: tuple[str, ...] = ("oslo", "lund", "turku")
    interval_s: float = 10.0
    rows_per_s: float = 1.0
    connect_over_s: float = 5.0
    drifts: tuple[Drift, ...] = ()
    flapping: tuple[Flapping, ...] = ()
    away: tuple[Away, ...] = ()
    clocks: tuple[ClockSkew, ...] = ()
    slow: tuple[Slow, ...] = ()
    versions: Mapping[str, VersionManner] = field(default_factory=dict)
    rollouts: tuple[OrderedRollout, ...] = ()
    commands: tuple[OrderedCommand, ...] = ()

    @property
    def lasts_s(self) -> float:
        """How long it lasts, in seconds."""
        return 60.0 * self.minutes

    def site_of(self, number: int) -> str:
        """Return where a device is; empty without sites."""
        return self.sites[number % len(self.sites)] if self.sites else ""
