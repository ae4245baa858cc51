"""The command desk: sends commands to whom they are meant for, and tells what came of them."""

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from cloud_sync.backend import AnswerView, Audience, CommandDeviceView, CommandView, NotFoundError
from cloud_sync.conductor import Conductor
from cloud_sync.core.records import CommandRecord, CommandState
from cloud_sync.group_desk import GroupDesk, Note
from cloud_sync.ports import FleetStore
from cloud_sync.record_views import (
    answer_view,
    command_device_views,
    command_tally_view,
    command_view,
)
from edge_contract.errors import UsageError
from edge_contract.messages import Command
from edge_contract.reading import JsonObject, JsonValue
from edge_contract.samples import CAPTURE

__all__ = ["CommandDesk"]


class CommandDesk:
    """Commands to devices. Implements :class:`cloud_sync.operator_views.Commands`.

    Args:
        conductor: Sends them.
        store: Where they are kept.
        groups: Knows whom an order is for.
        note: Writes down what was done.
    """

    def __init__(
        self, conductor: Conductor, store: FleetStore, groups: GroupDesk, note: Note
    ) -> None:
        self._conductor = conductor
        self._store = store
        self._groups = groups
        self._note = note

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
        """Send a command to devices."""
        if name == CAPTURE:
            _require_purpose(arguments)
        devices = self._groups.names_of(audience)
        if not devices:
            raise UsageError(
                "there is no device yet that a command could be sent to"
                if audience == Audience()
                else f"nobody would get the command: no device is now meant by {audience.title!r}"
            )
        now_unix_s = time.time()
        command = Command(
            command_id=f"c{secrets.token_hex(8)}",
            name=name,
            expires_unix_s=now_unix_s + expires_s,
            arguments=dict(arguments),
        )
        record = CommandRecord(
            command,
            tuple(devices),
            now_unix_s,
            by,
            audience=audience.title,
            timeout_s=timeout_s,
        )
        self._conductor.order(
            lambda: self._conductor.carry_out(self._conductor.fleet.send(record, now_unix_s))
        )
        detail: JsonObject = {
            "audience": audience.title,
            "devices": len(devices),
            "arguments": dict(arguments),
        }
        self._note(by, f"command.{name}", command.command_id, detail)
        return command_view(record, now_unix_s)

    def commands(self, *, limit: int = 100, after: str = "") -> Sequence[CommandView]:
        """Return commands in numbers, newest first."""
        now_unix_s = time.time()
        tallies = self._store.command_tallies(limit=limit, after=after)
        return [command_tally_view(tally, now_unix_s) for tally in tallies]

    def command(self, command_id: str, *, brief: bool = False) -> CommandView:
        """Return a command and its answers."""
        if not brief:
            return command_view(self._found(command_id), time.time())
        tally = self._store.command_tally(command_id)
        if tally is None:
            raise NotFoundError(f"there is no command {command_id!r}")
        return command_tally_view(tally, time.time())

    def answers_of(self, device: str, *, limit: int = 10) -> Sequence[AnswerView]:
        """Return what a device answered to commands, newest first."""
        return [answer_view(answer) for answer in self._store.answers_of(device, limit=limit)]

    def devices(
        self, command_id: str, *, state: str = "", after: str = "", limit: int = 100
    ) -> Sequence[CommandDeviceView]:
        """Return where a command stands on its devices."""
        record = self._found(command_id)
        views = command_device_views(record, time.time(), state=state, after=after)
        return list(islice(views, limit))

    def open_counts(self) -> dict[str, int]:
        """Return devices by where the commands that run stand on them."""
        now_unix_s = time.time()
        found = Counter(
            record.state_of(device, now_unix_s).value
            for record in self._store.open_commands(now_unix_s)
            if not record.is_over(now_unix_s)
            for device in record.devices
        )
        return {state.value: found[state.value] for state in CommandState}

    def _found(self, command_id: str) -> CommandRecord:
        record = self._store.command(command_id)
        if record is None:
            raise NotFoundError(f"there is no command {command_id!r}")
        return record


def _require_purpose(arguments: Mapping[str, JsonValue]) -> None:
    """Refuse to ask for samples that nobody says a use for; every device would refuse as well."""
    purpose = arguments.get("purpose")
    if not isinstance(purpose, str) or not purpose.strip():
        raise UsageError(
            f"command {CAPTURE!r} needs a purpose, which devices compare with what their owners "
            "allow and which is recorded: --arg purpose=labelling"
        )
