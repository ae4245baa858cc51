"""Routes of the fleet: its numbers, devices, alarms and commands."""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from cloud_sync.api.answering import (
    NEEDS_JSON,
    Author,
    Backend,
    DeviceName,
    Limit,
    ModelName,
    described,
    described_list,
    list_answer,
    view_answer,
)
from cloud_sync.backend import AlarmView, CommandView, DeviceView, SummaryView
from cloud_sync.core.facts import DeviceStatus

__all__ = ["fleet_routes"]

fleet_routes = APIRouter(tags=["fleet"])

_MAX_DEPTH: Final = 16
_CommandId = Annotated[str, Path(pattern="^[0-9A-Za-z_-]{1,64}$")]


class CommandRequest(BaseModel):
    """A command to devices; without ``devices`` it goes to all."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$")]
    arguments: dict[str, JsonValue] = {}
    devices: Annotated[list[DeviceName], Field(max_length=10_000)] = []
    expires_s: Annotated[float, Field(gt=0, le=30 * 86_400)] = 60.0

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
                case _:
                    pass
        return arguments


@fleet_routes.get("/summary", responses=described(SummaryView))
def summary(backend: Backend) -> Response:
    """Return the fleet in numbers."""
    return view_answer(backend.summary())


@fleet_routes.get("/devices", responses=described_list(DeviceView))
def devices(
    backend: Backend,
    status: DeviceStatus | None = None,
    after: DeviceName | None = None,
    limit: Limit = 100,
) -> Response:
    """Return devices by rising name, from the first one past ``after``."""
    wanted = status.value if status else ""
    found = list(backend.devices(status=wanted, after=after or "", limit=limit + 1))
    page = found[:limit]
    return list_answer(page, after=page[-1].name if len(found) > limit else None)


@fleet_routes.get("/devices/{name}", responses=described(DeviceView))
def device(backend: Backend, name: DeviceName) -> Response:
    """Return one device."""
    return view_answer(backend.device(name))


@fleet_routes.get("/alarms", responses=described_list(AlarmView))
def alarms(
    backend: Backend,
    model: ModelName | None = None,
    limit: Limit = 100,
) -> Response:
    """Return alarms, newest first."""
    return list_answer(backend.alarms(model=model or "", limit=limit))


@fleet_routes.post(
    "/commands",
    status_code=202,
    dependencies=[NEEDS_JSON],
    responses=described(CommandView, status=202),
)
def send_command(backend: Backend, by: Author, request: CommandRequest) -> Response:
    """Send a command to devices; the answers come in under its address."""
    command = backend.send_command(
        request.name,
        request.arguments,
        devices=request.devices,
        expires_s=request.expires_s,
        by=by,
    )
    return view_answer(command, status=202, location=f"/api/v1/commands/{command.command_id}")


@fleet_routes.get("/commands/{command_id}", responses=described(CommandView))
def command(backend: Backend, command_id: _CommandId) -> Response:
    """Return a command and the answers so far."""
    return view_answer(backend.command(command_id))
