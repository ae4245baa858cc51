"""Routes of commands: send them to devices, and see how far they are."""

import enum
from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from cloud_sync.api.answering import (
    NEEDS_JSON,
    Author,
    Backend,
    DeviceName,
    GroupName,
    Limit,
    described,
    described_list,
    list_answer,
    view_answer,
)
from cloud_sync.backend import Audience, CommandDeviceView, CommandView

__all__ = ["command_routes"]

command_routes = APIRouter(tags=["commands"])

_MAX_DEPTH: Final = 16
_CommandId = Annotated[str, Path(pattern="^[0-9A-Za-z_-]{1,64}$")]
_Seconds = Annotated[float, Field(gt=0, le=30 * 86_400)]


class CommandProgress(enum.Enum):
    """Where a command stands on a device."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"
    TIMED_OUT = "timed_out"


class CommandRequest(BaseModel):
    """A command to devices: all that are named, in the group and described; to all without that."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$")]
    arguments: dict[str, JsonValue] = {}
    devices: Annotated[list[DeviceName], Field(max_length=10_000)] = []
    group: GroupName | None = None
    filter: Annotated[str, Field(max_length=2000)] = ""
    expires_s: _Seconds = 60.0
    timeout_s: _Seconds = 60.0

    @field_validator("arguments")
    @classmethod
    def _can_travel(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Refuse what no JSON text in UTF-8 can hold, and what is nested beyond reason."""
        waiting: list[tuple[object, int]] = [(arguments, 1)]
        while waiting:
            value, depth = waiting.pop()
            if depth > _MAX_DEPTH:
                raise ValueError(f"arguments are nested deeper than {_MAX_DEPTH} levels")
            match value:
                case dict():
                    waiting.extend((item, depth + 1) for pair in value.items() for item in pair)
                case list():
                    waiting.extend((item, depth + 1) for item in value)
                case str() if any("\ud800" <= letter <= "\udfff" for letter in value):
                    raise ValueError(f"{value!r} holds half a character")
                case str() if "\x00" in value:
                    raise ValueError(f"{value!r} holds a NUL, which no device reads")
                case int() if not isinstance(value, bool) and abs(value) >= 2**53:
                    raise ValueError(f"{value} is not exact in JavaScript; send it as a text")
                case _:
                    pass
        return arguments

    def audience(self) -> Audience:
        """Return whom it is for."""
        return Audience(devices=tuple(self.devices), group=self.group or "", filter=self.filter)


@command_routes.post(
    "/commands",
    status_code=202,
    dependencies=[NEEDS_JSON],
    responses=described(CommandView, status=202),
)
def send_command(backend: Backend, by: Author, request: CommandRequest) -> Response:
    """Send a command to devices; the answers come in under its address."""
    command = backend.commands.send(
        request.name,
        request.arguments,
        audience=request.audience(),
        expires_s=request.expires_s,
        timeout_s=request.timeout_s,
        by=by,
    )
    return view_answer(command, status=202, location=f"/api/v1/commands/{command.command_id}")


@command_routes.get("/commands", responses=described_list(CommandView))
def commands(backend: Backend, after: str = "", limit: Limit = 100) -> Response:
    """Return commands in numbers, newest first, from the first one past ``after``."""
    found = backend.commands.commands(limit=limit + 1, after=after)
    page = found[:limit]
    return list_answer(page, after=page[-1].command_id if len(found) > limit else None)


@command_routes.get("/commands/{command_id}", responses=described(CommandView))
def command(backend: Backend, command_id: _CommandId, brief: bool = False) -> Response:  # noqa: FBT001, FBT002
    """Return a command and the answers so far; with ``brief`` in numbers alone."""
    return view_answer(backend.commands.command(command_id, brief=brief))


@command_routes.get("/commands/{command_id}/devices", responses=described_list(CommandDeviceView))
def command_devices(
    backend: Backend,
    command_id: _CommandId,
    state: CommandProgress | None = None,
    after: DeviceName | None = None,
    limit: Limit = 100,
) -> Response:
    """Return where a command stands on its devices, by rising name."""
    found = backend.commands.devices(
        command_id, state=state.value if state else "", after=after or "", limit=limit + 1
    )
    page = found[:limit]
    return list_answer(page, after=page[-1].device if len(found) > limit else None)
