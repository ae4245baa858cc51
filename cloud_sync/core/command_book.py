"""Open commands: repeated to devices that can be reached until they answer or time runs out.

Sans-IO. Devices subscribe at QoS 0 and may be away, so one sending is not enough; they carry out a
command once, however often it comes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from cloud_sync.core.fleet_effects import FleetEffect, SaveCommand, SaveResult, SendCommand
from cloud_sync.core.records import CommandRecord
from edge_contract.messages import Command, CommandResult

__all__ = ["RESTART", "CommandBook"]

RESTART: Final = "restart"
"""The command whose result is that the device is back in another life."""

IsOnline: TypeAlias = Callable[[str], bool]


@dataclass(slots=True)
class _Open:
    """A command that somebody has not answered yet, and when it was sent to whom."""

    record: CommandRecord
    sent_unix_s: dict[str, float] = field(default_factory=dict)
    unheard: dict[str, None] = field(default_factory=dict)
    """Devices of which nothing was heard, in order."""
    unfinished: dict[str, None] = field(default_factory=dict)
    """Those, and the ones that took it up."""

    def __post_init__(self) -> None:
        for device in self.record.devices:
            result = self.record.results.get(device)
            if result is None:
                self.unheard[device] = None
            if result is None or not result.final:
                self.unfinished[device] = None


class CommandBook:
    """Commands that are neither over nor answered by all.

    Args:
        records: What was open when the cloud stopped.
        life_of: Number of a device's present life.
        repeat_s: A device that has not answered is sent the command again this often.
    """

    def __init__(
        self,
        records: Iterable[CommandRecord] = (),
        *,
        life_of: Callable[[str], int],
        repeat_s: float = 5.0,
    ) -> None:
        self._life_of = life_of
        self._open = {record.command.command_id: _Open(record) for record in records}
        self._repeat_s = repeat_s

    def __len__(self) -> int:
        return len(self._open)

    def send(
        self, record: CommandRecord, *, is_online: IsOnline, now_unix_s: float
    ) -> list[FleetEffect]:
        """Take over a new command: save it, and send it to those that can be reached."""
        entry = self._open[record.command.command_id] = _Open(record)
        return [SaveCommand(record), *self._due(entry, is_online, now_unix_s)]

    def on_result(self, result: CommandResult, now_unix_s: float) -> list[FleetEffect]:
        """Note an answer; one to a command that is over is kept for people."""
        entry = self._open.get(result.command_id)
        if entry is None:
            return [SaveResult(result, now_unix_s)] if result.final else []
        wanted = entry.unfinished if result.final else entry.unheard
        if result.device not in wanted:
            return []
        entry.unheard.pop(result.device, None)
        if result.final:
            entry.unfinished.pop(result.device, None)
            if not entry.unfinished:
                del self._open[result.command_id]
        return [SaveResult(result, now_unix_s)]

    def on_new_life(self, device: str, now_unix_s: float) -> list[FleetEffect]:
        """A device began another life: whoever was told to restart has done so."""
        effects: list[FleetEffect] = []
        for command_id, entry in list(self._open.items()):
            was_told = device in entry.sent_unix_s or device not in entry.unheard
            if entry.record.command.name == RESTART and device in entry.unfinished and was_told:
                result = CommandResult(device, command_id, ok=True, detail="runs again")
                effects += self.on_result(result, now_unix_s)
        return effects

    def on_tick(self, *, is_online: IsOnline, now_unix_s: float) -> list[FleetEffect]:
        """Repeat what was not answered; forget what is over."""
        effects: list[FleetEffect] = []
        for command_id, entry in list(self._open.items()):
            record = entry.record
            if record.command.expires_unix_s + record.timeout_s <= now_unix_s:
                del self._open[command_id]
            elif record.command.expires_unix_s > now_unix_s:
                effects += self._due(entry, is_online, now_unix_s)
        return effects

    def _due(self, entry: _Open, is_online: IsOnline, now_unix_s: float) -> list[FleetEffect]:
        effects: list[FleetEffect] = []
        for device in entry.unheard:
            sent_unix_s = entry.sent_unix_s.get(device)
            is_due = sent_unix_s is None or now_unix_s >= sent_unix_s + self._repeat_s
            if is_due and is_online(device):
                entry.sent_unix_s[device] = now_unix_s
                effects.append(SendCommand(device, self._command_to(device, entry.record.command)))
        return effects

    def _command_to(self, device: str, command: Command) -> Command:
        """Return a command as one device gets it.

        A device that has restarted remembers no command; it tells by its life that this is done.
        """
        if command.name != RESTART:
            return command
        return replace(command, arguments={**command.arguments, "life": self._life_of(device)})
