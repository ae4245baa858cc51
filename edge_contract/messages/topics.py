"""MQTT topics: who speaks where.

===========================  ================  ==============================================
topic                        who -> who        what
===========================  ================  ==============================================
``ef1/FLEET/t/SHARD/DEVICE``  device -> cloud   telemetry batch
``ef1/FLEET/e/SHARD/DEVICE``  device -> cloud   birth, death, reports, command results
``ef1/FLEET/d/DEVICE``        cloud -> device   desired state; retained
``ef1/FLEET/a/DEVICE``        cloud -> device   acknowledgements of merged batches
``ef1/FLEET/c/DEVICE``        cloud -> device   commands; also ``c/all``
``ef1/FLEET/s``               cloud -> all      the collector's state; retained
===========================  ================  ==============================================
"""

import re
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from edge_contract.errors import MessageError, UsageError
from edge_contract.names import NAME_PATTERN, checked_name

__all__ = ["SHARDS", "DeviceTopics", "FleetTopics", "UpTopic", "parse_up_topic", "shard_of"]

SHARDS: Final = 64
_PREFIX: Final = "ef1"
_EVERY_DEVICE: Final = "all"


def shard_of(device: str) -> int:
    """Return the shard of a device: CRC-32 of its name modulo 64."""
    return zlib.crc32(device.encode()) % SHARDS


class FleetTopics:
    """Topics of a whole fleet.

    Args:
        fleet: Its name.

    Raises:
        UsageError: The name is not allowed.
    """

    __slots__ = ("_root",)

    def __init__(self, fleet: str) -> None:
        self._root = f"{_PREFIX}/{checked_name(fleet, 'fleet')}"

    @property
    def all_telemetry(self) -> str:
        """Filter: telemetry of every device."""
        return f"{self._root}/t/#"

    def telemetry_of(self, shard: int) -> str:
        """Filter: telemetry of the devices of a shard."""
        return f"{self._root}/t/{shard}/+"

    @property
    def all_events(self) -> str:
        """Filter: events of every device."""
        return f"{self._root}/e/#"

    @property
    def collector_state(self) -> str:
        """Where the collector says whether it listens."""
        return f"{self._root}/s"

    @property
    def commands_to_all(self) -> str:
        """Commands to every device."""
        return f"{self._root}/c/{_EVERY_DEVICE}"

    def acks_of(self, device: str) -> str:
        """Where a device that has been heard hears what was merged; quicker than all its topics."""
        return f"{self._root}/a/{device}"

    def device(self, device: str) -> "DeviceTopics":
        """Return the topics of one device; raises ``UsageError`` for a name not allowed."""
        return DeviceTopics(self, self._root, device)


class DeviceTopics:
    """Topics of one device; made by :meth:`FleetTopics.device`."""

    __slots__ = ("acks", "collector_state", "commands", "desired", "events", "telemetry", "to_all")

    def __init__(self, fleet: FleetTopics, root: str, device: str) -> None:
        checked_name(device, "device")
        if device == _EVERY_DEVICE:
            raise UsageError(f"device name {device!r} is reserved; choose another one")
        shard = shard_of(device)
        self.telemetry = f"{root}/t/{shard}/{device}"
        self.events = f"{root}/e/{shard}/{device}"
        self.desired = f"{root}/d/{device}"
        self.acks = f"{root}/a/{device}"
        self.commands = f"{root}/c/{device}"
        self.to_all = fleet.commands_to_all
        self.collector_state = fleet.collector_state

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Everything that a device listens to."""
        return (self.desired, self.acks, self.commands, self.to_all, self.collector_state)


class UpTopic(NamedTuple):
    """A parsed topic of the direction device to cloud."""

    fleet: str
    channel: str
    device: str


@lru_cache(20_000)  # every message of a device comes over the same two
def parse_up_topic(topic: str) -> UpTopic:
    """Read a telemetry or event topic.

    Raises:
        MessageError: It is none, the device's name is reserved, or the shard is not the device's.
    """
    match = re.fullmatch(rf"{_PREFIX}/({NAME_PATTERN})/([te])/([0-9]+)/({NAME_PATTERN})", topic)
    if match is None:
        raise MessageError(f"topic {topic!r} is no telemetry or event topic")
    fleet, channel, shard, device = match.groups()
    if device == _EVERY_DEVICE:
        raise MessageError(f"topic {topic!r} is of device {device!r}, a reserved name")
    if shard != str(shard_of(device)):
        raise MessageError(
            f"topic {topic!r} names shard {shard}, but {device!r} is in {shard_of(device)}"
        )
    return UpTopic(fleet, channel, device)
