"""What the fleet asks its service to do. Data only.

A service carries effects out in order. It may do those of several inputs together: first every
``Save...`` in one transaction, then the rest; what is sent must have been saved before.
"""

from dataclasses import dataclass
from typing import TypeAlias

from cloud_sync.core.records import CommandRecord
from cloud_sync.core.twin import DeviceTwin
from edge_contract.messages import Command, CommandResult, DesiredState

__all__ = [
    "FleetEffect",
    "PublishDesired",
    "SaveCommand",
    "SaveDevice",
    "SaveResult",
    "SendCommand",
]


@dataclass(frozen=True, slots=True)
class SaveDevice:
    """Write the twin durably, in place of an earlier one."""

    twin: DeviceTwin


@dataclass(frozen=True, slots=True)
class PublishDesired:
    """Publish the device's desired state, retained; losing it is fine, it is sent again."""

    device: str
    state: DesiredState


@dataclass(frozen=True, slots=True)
class SaveCommand:
    """Write a new command durably."""

    record: CommandRecord


@dataclass(frozen=True, slots=True)
class SendCommand:
    """Publish a command to one device, not retained; losing it is fine, it is sent again."""

    device: str
    command: Command


@dataclass(frozen=True, slots=True)
class SaveResult:
    """Write a device's answer durably."""

    result: CommandResult
    at_unix_s: float


FleetEffect: TypeAlias = SaveDevice | PublishDesired | SaveCommand | SendCommand | SaveResult
