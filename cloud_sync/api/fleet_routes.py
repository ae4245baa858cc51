"""Routes of the fleet: its numbers, devices and alarms."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from cloud_sync.api.answering import (
    NEEDS_JSON,
    Author,
    Backend,
    DeviceName,
    FilterText,
    GroupName,
    Limit,
    ModelName,
    VersionText,
    described,
    described_list,
    list_answer,
    page_of,
    view_answer,
)
from cloud_sync.backend import AlarmView, Audience, DeviceView, PinView, SummaryView
from cloud_sync.core.facts import DeviceStatus

__all__ = ["fleet_routes"]

fleet_routes = APIRouter(tags=["fleet"])

_MOST_ALARMS: Final = 10_000
_AlarmId = Annotated[str, Path(pattern="^[0-9A-Za-z_-]{1,64}$")]


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
    filter: FilterText = "",  # noqa: A002  its name in the address
    group: GroupName | None = None,
) -> Response:
    """Return devices by rising name, from the first one past ``after``."""
    wanted = status.value if status else ""
    audience = Audience(group=group or "", filter=filter)
    found = list(
        backend.devices(status=wanted, after=after or "", limit=limit + 1, audience=audience)
    )
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
    after: Annotated[str, Query(max_length=200)] = "",
    limit: Limit = 100,
) -> Response:
    """Return alarms, newest first, from the first one past ``after``."""
    found = backend.alarms(model=model or "", limit=_MOST_ALARMS)
    page, following = page_of(found, [alarm.alarm_id for alarm in found], after, limit)
    return list_answer(page, after=following)


@fleet_routes.get("/alarms/{alarm_id}", responses=described(AlarmView))
def alarm(backend: Backend, alarm_id: _AlarmId) -> Response:
    """Return one alarm."""
    return view_answer(backend.alarm(alarm_id))


class AcknowledgeRequest(BaseModel):
    """That whoever sends it looks after an alarm."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=2000)] = ""

    @field_validator("note")
    @classmethod
    def _can_be_kept(cls, note: str) -> str:
        """Refuse what no database keeps."""
        if any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in note):
            raise ValueError("it holds a NUL or half a character")
        return note


@fleet_routes.post(
    "/alarms/{alarm_id}/acknowledge", dependencies=[NEEDS_JSON], responses=described(AlarmView)
)
def acknowledge_alarm(
    backend: Backend, by: Author, alarm_id: _AlarmId, request: AcknowledgeRequest
) -> Response:
    """Say that you look after an alarm; who did before is replaced."""
    return view_answer(backend.acknowledge_alarm(alarm_id, note=request.note, by=by))


class PinRequest(BaseModel):
    """Devices to hold to a version of a model; without ``version`` they are let go."""

    model_config = ConfigDict(extra="forbid")

    model: ModelName
    version: VersionText | None = None
    devices: Annotated[list[DeviceName], Field(max_length=10_000)] = []
    group: GroupName | None = None
    filter: Annotated[str, Field(max_length=2000)] = ""


@fleet_routes.post("/pins", dependencies=[NEEDS_JSON], responses=described(PinView))
def pin(backend: Backend, by: Author, request: PinRequest) -> Response:
    """Hold devices to a version, whatever rollouts want; at least one device must be meant."""
    audience = Audience(
        devices=tuple(request.devices), group=request.group or "", filter=request.filter
    )
    return view_answer(backend.pin(request.model, request.version or "", audience=audience, by=by))
