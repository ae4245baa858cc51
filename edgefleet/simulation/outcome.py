"""What came of a simulation: figures, and what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edge_contract.reading import JsonObject, JsonValue
from edgefleet.simulation.orders import CommandRun, RolloutRun
from edgefleet.simulation.surroundings import Rows
from edgefleet.simulation.tally import Delays, Tally

__all__ = ["DeviceLoss", "Outcome"]

_MOST_REASONS: Final = 3


@dataclass(frozen=True, slots=True)
class DeviceLoss:
    """A device of which the cloud has merged other rows than it observed."""

    device: str
    observed: int
    told_lost: int
    merged: int

    @property
    def missing(self) -> int:
        """Rows that are not accounted for; below 0 if some were merged twice."""
        return self.observed - self.told_lost - self.merged


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that is known at the end.

    Attributes:
        seconds: How long it ran, without the end.
        tally: Counts and delays of all devices.
        rows: Of each device.
        merged: What the cloud has merged of each device in this time.
        seen_serving: Which package each device serves, as the cloud sees it.
        commands: That were ordered.
        rollouts: The same.
        alarms: That the cloud raised, for people.
        was_stopped: Whether somebody ended it early.
    """

    seconds: float
    tally: Tally
    rows: Mapping[str, Rows]
    merged: Mapping[str, int]
    seen_serving: Mapping[str, str]
    commands: Sequence[CommandRun]
    rollouts: Sequence[RolloutRun]
    alarms: Sequence[str]
    was_stopped: bool

    @property
    def observed_rows(self) -> int:
        """Rows that devices observed."""
        return sum(rows.observed for rows in self.rows.values())

    @property
    def merged_rows(self) -> int:
        """Rows of these devices that the cloud merged."""
        return sum(self.merged.values())

    @property
    def told_lost_rows(self) -> int:
        """Rows that devices themselves said they had to forget, because their outbox was full."""
        return sum(rows.lost for rows in self.rows.values())

    @property
    def losses(self) -> list[DeviceLoss]:
        """Devices whose rows do not add up; the worst first."""
        found = [
            DeviceLoss(device, rows.observed, rows.lost, self.merged.get(device, 0))
            for device, rows in self.rows.items()
        ]
        wrong = [loss for loss in found if loss.missing]
        return sorted(wrong, key=lambda loss: -abs(loss.missing))

    @property
    def misjudged(self) -> list[str]:
        """Devices of which the cloud believes that they serve another package than they do."""
        return [
            device
            for device, rows in self.rows.items()
            if rows.serving and self.seen_serving.get(device) != rows.serving
        ]

    @property
    def problems(self) -> list[str]:
        """What is not as the scenario wants it, one sentence each."""
        found = [
            f"command {run.name}: {run.error or _unanswered(run)}"
            for run in self.commands
            if run.error or (run.all_after_s is None and not self.was_stopped)
        ]
        found += [
            f"rollout of {run.version}: "
            + (run.error or f"is {run.state}, expected {run.expect}: {run.sentence}")
            for run in self.rollouts
            if run.error or (not run.is_as_expected and not self.was_stopped)
        ]
        if self.misjudged:
            found.append(
                f"the cloud believes of {len(self.misjudged)} devices that they serve another "
                f"package than they do, of {self.misjudged[0]} for one"
            )
        if self.rows and not self.tally.connects:
            found.append("no device ever got a connection to the broker")
        return found

    def to_json(self) -> JsonObject:
        """Return the same for programs."""
        tally = self.tally
        return {
            "seconds": round(self.seconds, 3),
            "devices": tally.devices,
            "connects": tally.connects,
            "failed_connects": tally.failed_connects,
            "connections_lost": tally.losses,
            "restarts": tally.restarts,
            "rows_observed": self.observed_rows,
            "rows_merged": self.merged_rows,
            "rows_told_lost": self.told_lost_rows,
            "devices_with_wrong_rows": len(self.losses),
            "batches": tally.batches,
            "batches_unacknowledged": tally.waiting_batches,
            "sent_bytes": tally.sent_bytes,
            "heard_bytes": tally.heard_bytes,
            "first_connection_s": _delays(tally.arriving),
            "connect_s": _delays(tally.connecting),
            "flush_to_queryable_s": _delays(tally.merging),
            "commands": [
                {
                    "name": run.name,
                    "devices": run.devices,
                    "all_after_s": run.all_after_s,
                    "counts": dict(run.counts),
                    "refusals": dict(run.refusals),
                    "silent": list(run.silent),
                    "error": run.error,
                }
                for run in self.commands
            ],
            "rollouts": [
                {
                    "version": run.version,
                    "strategy": run.strategy,
                    "state": run.state,
                    "devices_reported": len(run.reporting),
                    "reported_s": _delays(run.reporting),
                    "ended_after_s": run.ended_after_s,
                    "error": run.error,
                }
                for run in self.rollouts
            ],
            "alarms": list(self.alarms),
            "problems": [*self.problems],
            "was_stopped": self.was_stopped,
        }


def _delays(delays: Delays) -> JsonValue:
    return {
        "count": len(delays),
        "p50": round(delays.quantile_s(0.5), 4),
        "p95": round(delays.quantile_s(0.95), 4),
        "longest": round(delays.longest_s, 4),
    }


def _unanswered(run: CommandRun) -> str:
    stands = ", ".join(f"{count} {state}" for state, count in sorted(run.counts.items()) if count)
    parts = [f"not done on all of {run.devices} devices: {stands or 'no answer'}"]
    parts += [f"{count} said {text!r}" for text, count in run.refusals.most_common(_MOST_REASONS)]
    if run.silent:
        parts.append(f"{len(run.silent)} gave no result while they were online, as {run.silent[0]}")
    return "; ".join(parts)
