"""Where devices and their commands are kept."""

from collections.abc import Iterable
from typing import Protocol

from cloud_sync.core.records import CommandRecord, CommandTally, DeviceAnswer
from cloud_sync.core.twin import DeviceTwin
from edge_contract.messages import CommandResult

__all__ = ["FleetStore"]


class FleetStore(Protocol):
    """Devices and their commands."""

    def save_fleet(
        self,
        *,
        twins: Iterable[DeviceTwin] = (),
        commands: Iterable[CommandRecord] = (),
        results: Iterable[tuple[CommandResult, float]] = (),
    ) -> None:
        """Keep twins, new commands and devices' answers, all or nothing.

        Args:
            twins: Each replaces an earlier one of its name.
            commands: Their results are kept apart; an identifier that is there stays as it is.
            results: With the time at which they came. A device's first final answer to a command
                stays; answers to commands that are not there are dropped.
        """
        ...

    def devices(self) -> list[DeviceTwin]:
        """Return all twins by rising name."""
        ...

    def command(self, command_id: str) -> CommandRecord | None:
        """Return a command with its results."""
        ...

    def commands(self, *, limit: int = 100, after: str = "") -> list[CommandRecord]:
        """Return commands, newest first, from the first one past the command ``after``."""
        ...

    def command_tallies(self, *, limit: int = 100, after: str = "") -> list[CommandTally]:
        """Return the same in numbers, which is quick for however many devices."""
        ...

    def command_tally(self, command_id: str) -> CommandTally | None:
        """Return one command in numbers."""
        ...

    def answers_of(self, device: str, *, limit: int = 10) -> list[DeviceAnswer]:
        """Return what a device answered to commands, newest first."""
        ...

    def open_commands(self, at_unix_s: float) -> list[CommandRecord]:
        """Return all commands that had not expired then, with the time that results may take."""
        ...
