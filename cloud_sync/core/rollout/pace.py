"""Whose turn it is to be told: at most so many a minute, so many at a time, in their windows."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.rollout.execution_life import ExecutionState
from cloud_sync.core.rollout.record import RolloutRecord
from cloud_sync.core.rollout.reports import holds_back
from cloud_sync.core.rollout.zones import zone_of
from edge_contract.maintenance import is_open

__all__ = ["Turn", "next_in_turn"]

_MINUTE_S = 60.0
_AT_IT = frozenset({ExecutionState.NOTIFIED, ExecutionState.IN_PROGRESS})


@dataclass(frozen=True, slots=True)
class Turn:
    """What becomes of the devices that wait in the queue.

    Attributes:
        now: Whom to tell now, in order.
        held: Reachable devices whose maintenance window is closed, or that say so of their own.
    """

    now: tuple[str, ...]
    held: tuple[str, ...]


def next_in_turn(
    record: RolloutRecord, devices: Mapping[str, DeviceFacts], now_unix_s: float
) -> Turn:
    """Return whose turn it is.

    Where there are limits or windows, a device that cannot be reached is not told before it is
    back: what is wanted of it would wait for it at the broker, and all that return after a power
    cut would begin at once.
    """
    plan = record.plan
    windows = plan.maintenance
    room = _room(record, devices, now_unix_s)
    careful = room is not None or bool(windows)
    now: list[str] = []
    held = [
        name
        for name, one in record.executions.items()
        if one.state in _AT_IT and name in devices and holds_back(record, devices[name])
    ]
    for name, execution in record.executions.items():
        if execution.state is not ExecutionState.QUEUED:
            continue
        facts = devices.get(name)
        if careful and (facts is None or facts.status is not DeviceStatus.ONLINE):
            continue
        if facts is not None and windows:
            zone = zone_of(facts.tags, facts.facts, default=plan.time_zone)
            if not is_open(windows, zone, now_unix_s):
                held.append(name)
                continue
        if room is None or len(now) < room:
            now.append(name)
    return Turn(tuple(now), tuple(held))


def _room(
    record: RolloutRecord, devices: Mapping[str, DeviceFacts], now_unix_s: float
) -> int | None:
    """Return how many more may be told now; ``None`` for no limit."""
    plan, rooms = record.plan, []
    if plan.devices_per_minute:
        span_s = max(_MINUTE_S, _MINUTE_S / plan.devices_per_minute)
        told = sum(now_unix_s - one.told_unix_s < span_s for one in record.executions.values())
        rooms.append(int(plan.devices_per_minute * span_s / _MINUTE_S + 1e-9) - told)
    if plan.max_in_flight:
        flying = sum(
            one.state in _AT_IT
            and name in devices
            and devices[name].status is DeviceStatus.ONLINE
            and not holds_back(record, devices[name])
            for name, one in record.executions.items()
        )
        rooms.append(plan.max_in_flight - flying)
    return max(min(rooms), 0) if rooms else None
