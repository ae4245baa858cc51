"""Open commands: repeated to devices that can be reached until they answer or time runs out.

Sans-IO. Devices subscribe at QoS 0 and may be away, so one sending is not enough; they carry out a
command once, however often it comes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from cloud_sync.core.fleet_effects import FleetEffect, SaveCommand, SaveResult, SendCommand
from cloud_sync.core.records import CommandRecord
from edge_contract.messages import CommandResult

__all__ = ["CommandBook"]

IsOnline: TypeAlias = Callable[[str], bool]


@dataclass(slots=True)
class _Open:
    """A command that somebody has not answered yet, and when it was sent to whom."""

    record: CommandRecord
    sent_unix_s: dict[str, float] = field(default_factory=dict)

    @property
    def unanswered(self) -> list[str]:
        return [device for device in self.record.devices if device not in self.record.results]


class CommandBook:
    """Commands that have neither expired nor been answered by all.

    Args:
        records: What was open when the cloud stopped.
        repeat_s: A device that has not answered is sent the command again this often.
    """

    def __init__(self, records: Iterable[CommandRecord] = (), *, repeat_s: float = 5.0) -> None:
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
        """Note an answer; one to a command that has expired is kept for people."""
        entry = self._open.get(result.command_id)
        if entry is not None:
            if result.device not in entry.unanswered:
                return []
            results = {**entry.record.results, result.device: result}
            entry.record = replace(entry.record, results=results)
            if not entry.unanswered:
                del self._open[result.command_id]
        return [SaveResult(result, now_unix_s)]

    def on_tick(self, *, is_online: IsOnline, now_unix_s: float) -> list[FleetEffect]:
        """Repeat what was not answered; forget what expired."""
        effects: list[FleetEffect] = []
        for command_id, entry in list(self._open.items()):
            if entry.record.command.expires_unix_s <= now_unix_s:
                del self._open[command_id]
            else:
                effects += self._due(entry, is_online, now_unix_s)
        return effects

    def _due(self, entry: _Open, is_online: IsOnline, now_unix_s: float) -> list[FleetEffect]:
        effects: list[FleetEffect] = []
        for device in entry.unanswered:
            sent_unix_s = entry.sent_unix_s.get(device)
            is_due = sent_unix_s is None or now_unix_s >= sent_unix_s + self._repeat_s
            if is_due and is_online(device):
                entry.sent_unix_s[device] = now_unix_s
                effects.append(SendCommand(device, entry.record.command))
        return effects
