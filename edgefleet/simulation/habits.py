"""What a scenario means for one device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge_contract.package import Manifest
from edgefleet.simulation.drawing import Look
from edgefleet.simulation.scenario import Away, Drift, Flapping, Scenario, Selection, VersionManner

__all__ = ["Habits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How one device behaves, and what it sees.

    Attributes:
        device: Its name.
        site: Where it is.
        rows_per_s: Rows that it observes in a second.
        skew_s: By how much its clock is ahead.
        reaction_s: How much later it takes up what it hears.
        load_s: How long it takes to fetch and load a version.
        latency: How many times as long its predictions take.
        drifts: What changes for it.
        flapping: When its link breaks again and again.
        away: When its link breaks.
        versions: How versions behave.
    """

    device: str
    site: str
    rows_per_s: float
    skew_s: float = 0.0
    reaction_s: float = 0.0
    load_s: float = 0.0
    latency: float = 1.0
    drifts: Sequence[Drift] = ()
    flapping: Sequence[Flapping] = ()
    away: Sequence[Away] = ()
    versions: Mapping[str, VersionManner] = field(default_factory=dict)

    @classmethod
    def of(cls, scenario: Scenario, device: str, site: str) -> "Habits":
        """Return what a scenario means for a device."""

        def takes(who: Selection) -> bool:
            return who.takes(f"{scenario.seed}/{device}", site)

        slow = [one for one in scenario.slow if takes(one.who)]
        return cls(
            device=device,
            site=site,
            rows_per_s=scenario.rows_per_s,
            skew_s=sum(one.skew_s for one in scenario.clocks if takes(one.who)),
            reaction_s=sum(one.reaction_s for one in slow),
            load_s=sum(one.load_s for one in slow),
            latency=max((one.latency for one in slow), default=1.0),
            drifts=[one for one in scenario.drifts if takes(one.who)],
            flapping=[one for one in scenario.flapping if takes(one.who)],
            away=[one for one in scenario.away if takes(one.who)],
            versions=scenario.versions,
        )

    def look(self, manifest: Manifest, elapsed_s: float) -> Look:
        """Return what its statistics of a package look like now."""
        shifts: dict[str, float] = {}
        missing: dict[str, float] = {}
        for drift in self.drifts:
            if drift.span.covers(elapsed_s):
                for name in drift.features or [feature.name for feature in manifest.features]:
                    shifts[name] = shifts.get(name, 0.0) + drift.shift
                    missing[name] = max(missing.get(name, 0.0), drift.missing)
        manner = self.manner(manifest.version)
        return Look(shifts, missing, self.latency * manner.slower, manner.drifts)

    def manner(self, version: str) -> VersionManner:
        """Return how a version behaves here."""
        return self.versions.get(version) or VersionManner(version)

    def refuses(self, version: str) -> bool:
        """Return whether a version cannot be loaded here."""
        share = self.manner(version).refused
        return Selection(f"refused-{version}", share=share).takes(self.device, self.site)
