"""Who is in a stage."""

import math
from collections.abc import Collection, Mapping

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from edge_contract.cohorts import cohort_position

__all__ = ["newcomers", "quota"]


def quota(fraction: float, devices: int) -> int:
    """Return how many of so many devices a stage may have at most: at least one if there is any."""
    return min(math.ceil(round(fraction * devices, 9)), devices)


def newcomers(
    devices: Mapping[str, DeviceFacts],
    members: Collection[str],
    *,
    fraction: float,
    salt: str,
) -> list[str]:
    """Return which devices join a stage now, so that it never exceeds its share of the fleet.

    Who is in stays in, whatever comes and goes. Free places go to the devices with the smallest
    positions, to reachable ones first: a stage that waits for a device in a drawer proves nothing.

    Args:
        devices: The whole fleet, late joiners included.
        members: Who is in already.
        fraction: Share of the fleet.
        salt: Of the rollout.
    """
    taken = sum(1 for name in members if name in devices)
    free = quota(fraction, len(devices)) - taken
    if free <= 0:
        return []
    waiting = sorted(
        (name for name in devices if name not in members),
        key=lambda name: (
            devices[name].status is not DeviceStatus.ONLINE,
            cohort_position(salt, name),
            name,
        ),
    )
    return waiting[:free]
