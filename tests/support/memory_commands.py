"""Commands of a cloud in memory: whoever tests answers them by hand."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from cloud_sync.backend import AnswerView, Audience, CommandDeviceView, CommandView, NotFoundError
from cloud_sync.core.records import CommandRecord, DeviceAnswer
from cloud_sync.group_desk import GroupDesk, Note
from cloud_sync.record_views import (
    answer_view,
    command_device_views,
    command_tally_view,
    command_view,
)
from edge_contract.errors import UsageError
from edge_contract.messages import Command, CommandResult
from edge_contract.reading import JsonValue
from tests.support.memory_records import tally_of

__all__ = ["START_UNIX_S", "MemoryCommands"]

START_UNIX_S = 1_800_000_000.0


class MemoryCommands:
    """Implements ``Commands``; time begins when each is sent."""

    def __init__(self, groups: GroupDesk, note: Note) -> None:
        self._groups = groups
        self._note = note
        self._commands: dict[str, CommandRecord] = {}
        self._sent_s: dict[str, float] = {}
        self.on_send: Callable[[CommandView], None] = lambda _: None

    def answer(self, result: CommandResult) -> None:
        """Answer as a device would."""
        record = self._command(result.command_id)
        results = {**record.results, result.device: result}
        self._commands[result.command_id] = replace(record, results=results)

    def send(
        self,
        name: str,
        arguments: Mapping[str, JsonValue],
        *,
        audience: Audience,
        expires_s: float,
        timeout_s: float,
        by: str,
    ) -> CommandView:
        """See ``Commands``."""
        devices = self._groups.names_of(audience)
        if audience != Audience() and not devices:
            raise UsageError(f"no device is now meant by {audience.title!r}")
        command_id = f"c{len(self._commands) + 1}"
        record = CommandRecord(
            Command(command_id, name, START_UNIX_S + expires_s, dict(arguments)),
            tuple(devices),
            START_UNIX_S,
            by,
            audience=audience.title,
            timeout_s=timeout_s,
        )
        self._commands[command_id] = record
        self._sent_s[command_id] = time.monotonic()
        self._note(by, f"command.{name}", command_id, {})
        view = self.command(command_id)
        self.on_send(view)
        return view

    def commands(self, *, limit: int = 100, after: str = "") -> Sequence[CommandView]:
        """See ``Commands``."""
        ids = [*reversed(self._commands)]
        begin = ids.index(after) + 1 if after in ids else 0
        return [self.command(one, brief=True) for one in ids[begin:][:limit]]

    def command(self, command_id: str, *, brief: bool = False) -> CommandView:
        """See ``Commands``."""
        record, now_unix_s = self._command(command_id), self._now_unix_s(command_id)
        if brief:
            return command_tally_view(tally_of(record), now_unix_s)
        return command_view(record, now_unix_s)

    def answers_of(self, device: str, *, limit: int = 10) -> Sequence[AnswerView]:
        """See ``Commands``."""
        found = [
            answer_view(
                DeviceAnswer(record.command.name, record.results[device], record.created_unix_s)
            )
            for record in reversed(self._commands.values())
            if device in record.results
        ]
        return found[:limit]

    def devices(
        self, command_id: str, *, state: str = "", after: str = "", limit: int = 100
    ) -> Sequence[CommandDeviceView]:
        """See ``Commands``."""
        record = self._command(command_id)
        now_unix_s = self._now_unix_s(command_id)
        views = command_device_views(record, now_unix_s, state=state, after=after)
        return list(islice(views, limit))

    def _now_unix_s(self, command_id: str) -> float:
        return START_UNIX_S + time.monotonic() - self._sent_s[command_id]

    def _command(self, command_id: str) -> CommandRecord:
        if command_id not in self._commands:
            raise NotFoundError(f"no command {command_id!r}")
        return self._commands[command_id]
