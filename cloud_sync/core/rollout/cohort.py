"""Who is in a stage."""

import math
from collections.abc import Collection, Mapping

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from edge_contract.cohorts import cohort_position

__all__ = ["newcomers", "quota"]


def quota(fraction: float, devices: int, *, count: int = 0) -> int:
    """Return how many of so many devices a stage may have at most: at least one if there is any."""
    return min(count or math.ceil(round(fraction * devices, 9)), devices)


def newcomers(
    devices: Mapping[str, DeviceFacts],
    members: Collection[str],
    *,
    fraction: float,
    salt: str,
    count: int = 0,
    boxed: Collection[str] = (),
    left_out: Collection[str] = (),
) -> list[str]:
    """Return which devices join a stage now, so that it never exceeds its share of the fleet.

    Who is in stays in, whatever comes and goes. Free places go to the devices with the smallest
    positions, to reachable ones first: a stage that waits for a device in a drawer proves nothing.
    Devices that failed lately come after all others of their kind.

    Args:
        devices: All that the rollout is for, late joiners included.
        members: Who is in already.
        fraction: Share of them; 0 where ``count`` says how many.
        salt: Of the rollout.
        count: So many devices instead of a share.
        boxed: Devices in the penalty box.
        left_out: Devices that cannot run the candidate.
    """
    taken = sum(1 for name in members if name in devices)
    free = quota(fraction, len(devices), count=count) - taken
    if free <= 0:
        return []
    waiting = sorted(
        (name for name in devices if name not in members and name not in left_out),
        key=lambda name: (
            devices[name].status is not DeviceStatus.ONLINE,
            name in boxed,
            cohort_position(salt, name),
            name,
        ),
    )
    return waiting[:free]
