"""Pages about orders: commands and how far they are, and who did what."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.api.json_views import view_to_json
from cloud_sync.backend import AuditView, CloudBackend, CommandDeviceView, CommandView

__all__ = [
    "AuditPage",
    "CommandPage",
    "CommandsPage",
    "audit_page_of",
    "command_page_of",
    "commands_page_of",
]

_ON_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class CommandsPage:
    """Commands in numbers, newest first."""

    commands: Sequence[CommandView]
    after: str
    next_after: str


@dataclass(frozen=True, slots=True)
class CommandPage:
    """One command and where it stands on its devices."""

    command: CommandView
    sentence: str
    arguments: str
    devices: Sequence[CommandDeviceView]
    state: str
    next_after: str


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A line of the record."""

    view: AuditView
    detail: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Who did what, newest first."""

    lines: Sequence[AuditLine]
    action: str
    before: int | None
    next_before: int | None


def commands_page_of(backend: CloudBackend, after: str) -> CommandsPage:
    """Ask the backend for commands past one."""
    found = backend.commands.commands(limit=_ON_PAGE + 1, after=after)
    shown = found[:_ON_PAGE]
    return CommandsPage(shown, after, shown[-1].command_id if len(found) > _ON_PAGE else "")


def command_page_of(
    backend: CloudBackend, command_id: str, *, state: str, after: str
) -> CommandPage:
    """Ask the backend for a command; raises ``NotFoundError``."""
    command = backend.commands.command(command_id, brief=True)
    found = backend.commands.devices(command_id, state=state, after=after, limit=_ON_PAGE + 1)
    shown = found[:_ON_PAGE]
    counts = command.counts
    size = sum(counts.values())
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    return CommandPage(
        command=command,
        sentence=f"{size:,} device{'' if size == 1 else 's'}: {', '.join(parts)}",
        arguments=_in_words(command.arguments),
        devices=shown,
        state=state,
        next_after=shown[-1].device if len(found) > _ON_PAGE else "",
    )


def audit_page_of(backend: CloudBackend, *, action: str, before: int | None) -> AuditPage:
    """Ask the backend who did what."""
    found = backend.audit(limit=_ON_PAGE + 1, before=before, action=action)
    shown = found[:_ON_PAGE]
    return AuditPage(
        lines=[AuditLine(view, _in_words(view.detail)) for view in shown],
        action=action,
        before=before,
        next_before=shown[-1].number if len(found) > _ON_PAGE else None,
    )


def _in_words(values: object) -> str:
    found = view_to_json(values)
    if not isinstance(found, dict):
        return ""
    parts = (
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in found.items()
    )
    return ", ".join(parts)
