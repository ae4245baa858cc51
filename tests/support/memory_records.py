"""What a warehouse in memory keeps besides statistics: devices, commands, rollouts, the audit."""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from cloud_sync.core.records import (
    AuditRecord,
    CommandRecord,
    CommandTally,
    DeviceAnswer,
    RolloutEvent,
    RolloutRecord,
)
from cloud_sync.core.twin import DeviceTwin
from edge_contract.errors import UnavailableError
from edge_contract.messages import CommandResult
from edge_contract.reading import JsonObject
from tests.support.memory_office import MemoryOffice

__all__ = ["MemoryRecords", "copied", "tally_of"]


class MemoryRecords(MemoryOffice):
    """Implements ``FleetStore`` and ``RolloutStore``."""

    def __init__(self) -> None:
        super().__init__(self._check_opened)
        self._lock = threading.RLock()
        self._is_closed = False
        self._twins: dict[str, DeviceTwin] = {}
        self._commands: dict[str, CommandRecord] = {}
        self._answered: dict[tuple[str, str], float] = {}
        self._rollouts: dict[str, RolloutRecord] = {}
        self._events: dict[str, list[RolloutEvent]] = {}
        self._executions: dict[str, dict[str, str]] = {}
        self._audit: list[AuditRecord] = []

    def close(self) -> None:
        """See ``Warehouse``."""
        self._is_closed = True

    def _check_opened(self) -> None:
        with self.opened():
            pass

    @contextmanager
    def opened(self) -> Iterator[None]:
        """One thread at a time; raises ``UnavailableError`` once it is closed."""
        with self._lock:
            if self._is_closed:
                raise UnavailableError("the warehouse in memory is closed")
            yield

    # Devices and commands.

    def save_fleet(
        self,
        *,
        twins: Iterable[DeviceTwin] = (),
        commands: Iterable[CommandRecord] = (),
        results: Iterable[tuple[CommandResult, float]] = (),
    ) -> None:
        """See ``FleetStore``."""
        with self.opened():
            self._twins.update({twin.name: twin for twin in twins})
            for record in commands:
                self._commands.setdefault(record.command.command_id, replace(record, results={}))
            for result, at_unix_s in results:
                known = self._commands.get(result.command_id)
                earlier = known.results.get(result.device) if known is not None else None
                is_news = earlier is None or (result.final and not earlier.final)
                if known is not None and is_news:
                    answers = {**known.results, result.device: result}
                    self._commands[result.command_id] = replace(known, results=answers)
                    self._answered[result.command_id, result.device] = at_unix_s

    def forget_device(self, device: str) -> int:
        """Forget a twin and its answers; return how many those were."""
        with self.opened():
            self._twins.pop(device, None)
            answered = [key for key in self._answered if key[1] == device]
            for key in answered:
                del self._answered[key]
                known = self._commands[key[0]]
                rest = {name: one for name, one in known.results.items() if name != device}
                self._commands[key[0]] = replace(known, results=rest)
            return len(answered)

    def devices(self) -> list[DeviceTwin]:
        """See ``FleetStore``."""
        with self.opened():
            return [self._twins[name] for name in sorted(self._twins)]

    def command(self, command_id: str) -> CommandRecord | None:
        """See ``FleetStore``."""
        with self.opened():
            return self._commands.get(command_id)

    def commands(self, *, limit: int = 100, after: str = "") -> list[CommandRecord]:
        """See ``FleetStore``."""
        with self.opened():
            newest = sorted(
                self._commands.values(),
                key=lambda record: (record.created_unix_s, record.command.command_id),
                reverse=True,
            )
            if not after:
                return newest[:limit]
            ids = [record.command.command_id for record in newest]
            return newest[ids.index(after) + 1 :][:limit] if after in ids else []

    def command_tallies(self, *, limit: int = 100, after: str = "") -> list[CommandTally]:
        """See ``FleetStore``."""
        return [tally_of(record) for record in self.commands(limit=limit, after=after)]

    def command_tally(self, command_id: str) -> CommandTally | None:
        """See ``FleetStore``."""
        record = self.command(command_id)
        return None if record is None else tally_of(record)

    def answers_of(self, device: str, *, limit: int = 10) -> list[DeviceAnswer]:
        """See ``FleetStore``."""
        with self.opened():
            found = [
                DeviceAnswer(record.command.name, record.results[device], at_unix_s)
                for (key, name), at_unix_s in self._answered.items()
                for record in [self._commands[key]]
                if name == device
            ]
            found.sort(key=lambda one: (one.at_unix_s, one.result.command_id), reverse=True)
            return found[:limit]

    def open_commands(self, at_unix_s: float) -> list[CommandRecord]:
        """See ``FleetStore``."""
        every = self.commands(limit=10**9)
        return [one for one in every if one.command.expires_unix_s + one.timeout_s > at_unix_s]

    # Rollouts.

    def save_rollout(
        self,
        record: RolloutRecord,
        *,
        events: Sequence[RolloutEvent] = (),
        executions: Mapping[str, str] | None = None,
    ) -> None:
        """See ``RolloutStore``."""
        with self.opened():
            key = record.rollout_id
            self._rollouts[key] = replace(record, document=copied(record.document))
            self._events.setdefault(key, []).extend(events)
            self._executions.setdefault(key, {}).update(executions or {})

    def rollouts(self) -> list[RolloutRecord]:
        """See ``RolloutStore``."""
        with self.opened():
            return sorted(
                self._rollouts.values(),
                key=lambda record: (record.started_unix_s, record.rollout_id),
                reverse=True,
            )

    def rollout_events(self, rollout_id: str) -> list[RolloutEvent]:
        """See ``RolloutStore``."""
        with self.opened():
            return list(self._events.get(rollout_id, ()))

    def executions(self, rollout_id: str) -> dict[str, str]:
        """See ``RolloutStore``."""
        with self.opened():
            return dict(self._executions.get(rollout_id, {}))

    def add_audit(self, record: AuditRecord) -> None:
        """See ``RolloutStore``."""
        with self.opened():
            self._audit.append(replace(record, number=len(self._audit) + 1))

    def audit(
        self, *, limit: int = 100, before: int | None = None, action: str = ""
    ) -> list[AuditRecord]:
        """See ``RolloutStore``."""
        with self.opened():
            found = [
                record
                for record in reversed(self._audit)
                if (before is None or record.number < before)
                and (action in ("", record.action) or record.action.startswith(f"{action}."))
            ]
            return found[:limit]


def tally_of(record: CommandRecord) -> CommandTally:
    """Return a command in numbers."""
    results = record.results.values()
    return CommandTally(
        record.command,
        record.created_unix_s,
        record.by,
        record.audience,
        record.timeout_s,
        devices=len(record.devices),
        done=sum(result.final and result.ok for result in results),
        failed=sum(result.final and not result.ok for result in results),
        accepted=sum(not result.final for result in results),
    )


def copied(document: JsonObject) -> JsonObject:
    """What comes back from a store is no part of what was handed to it."""
    copy: JsonObject = json.loads(json.dumps(document, allow_nan=False))
    return copy
