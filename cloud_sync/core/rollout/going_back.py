"""The end of a rollout: which devices are not back yet, and how each execution ends."""

from collections.abc import Mapping

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.rollout.execution_life import FINISHED, ExecutionEvent
from cloud_sync.core.rollout.record import RolloutRecord
from cloud_sync.core.rollout.reports import is_back
from cloud_sync.core.rollout.rollout_life import RolloutState

__all__ = ["finish_executions", "still_away"]

_X = ExecutionEvent


def still_away(record: RolloutRecord, devices: Mapping[str, DeviceFacts]) -> list[str]:
    """Return the reachable devices that still have to leave the candidate.

    Without an earlier version there is nothing to go back to, and none is away.
    """
    if record.previous is None:
        return []
    away = [
        name
        for name in record.executions
        if _reachable(devices, name) and not is_back(record, devices[name])
    ]
    for name in sorted(record.returning):
        if _reachable(devices, name):
            report = devices[name].models.get(record.plan.model)
            if report is None or report.serving != record.previous.digest:
                away.append(name)
    return away


def finish_executions(
    record: RolloutRecord, devices: Mapping[str, DeviceFacts], now_unix_s: float
) -> None:
    """Bring every execution to an end, so that none is open after the rollout is over."""
    forward = record.state is RolloutState.FINALISING
    for name, execution in record.executions.items():
        if forward and execution.state in FINISHED:
            continue
        if forward:
            event = _X.TIME_OUT
            execution.detail = "not heard of in time; it gets the stable version when it is back"
        elif not execution.ran:
            event = _X.CANCEL
        elif record.previous is not None and name in devices and is_back(record, devices[name]):
            event = _X.ROLL_BACK
        else:
            event = _X.TIME_OUT
            execution.detail = "not heard of in time; its desired state takes it back"
        if execution.can(event):
            execution.handle(event, now_unix_s=now_unix_s)


def _reachable(devices: Mapping[str, DeviceFacts], name: str) -> bool:
    return name in devices and devices[name].status is DeviceStatus.ONLINE
