"""What a cloud measures of itself and its fleet, for whoever collects such figures."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from cloud_sync.backend import SummaryView
from cloud_sync.core.facts import DeviceStatus
from cloud_sync.measure import Measure
from cloud_sync.pulse import Pulse

__all__ = ["measures_of", "measures_of_pulse"]

_PREFIX: Final = "edgefleet_cloud"


def _one(name: str, help_text: str, value: float) -> Measure:
    return Measure(f"{_PREFIX}_{name}", help_text, "", {"": value})


def measures_of(
    summary: SummaryView,
    *,
    statuses: Iterable[str],
    rollouts: Iterable[str],
    commands: Mapping[str, int],
) -> Sequence[Measure]:
    """Return the figures of a fleet.

    Args:
        summary: The fleet in numbers.
        statuses: Of its devices.
        rollouts: States of rollouts.
        commands: Devices by state, of the commands that run.
    """
    by_status = {status.value: 0 for status in DeviceStatus} | Counter(statuses)
    return [
        Measure(f"{_PREFIX}_devices", "Devices of the fleet.", "status", by_status),
        _one("rows_total", "Rows that were predicted and merged.", summary.rows_merged),
        _one("calls_total", "Calls that were merged.", summary.calls_merged),
        _one("failed_calls_total", "Calls that failed on devices.", summary.failures_merged),
        _one("batches_total", "Telemetry batches that were merged.", summary.batches_merged),
        _one("repeated_batches_total", "Batches that came again.", summary.batches_repeated),
        _one("refused_messages_total", "Messages that were refused.", summary.messages_refused),
        _one("open_alarms", "Alarms of drift that are open.", summary.open_alarms),
        Measure(f"{_PREFIX}_rollouts", "Rollouts.", "state", Counter(rollouts)),
        Measure(
            f"{_PREFIX}_command_devices",
            "Devices of the commands that run, by where the command stands.",
            "state",
            commands,
        ),
    ]


def measures_of_pulse(pulse: Pulse, *, waiting: int) -> Sequence[Measure]:
    """Return the figures of the process.

    Args:
        pulse: Of the conductor.
        waiting: Messages and orders in its queue.
    """
    return [
        _one("broker_connected", "Whether the broker is connected.", pulse.is_connected),
        _one("broker_connections_total", "Connections that were made.", pulse.connections),
        _one("waiting_messages", "Messages and orders that wait.", waiting),
        _one("silent_seconds", "Seconds since the conductor came round.", pulse.silent_s),
        _one("commits_total", "Transactions of merged telemetry.", pulse.commits),
        _one("failed_commits_total", "Transactions that failed.", pulse.commits_failed),
        _one("commit_seconds_total", "Seconds that commits took together.", pulse.commit_s),
    ]
