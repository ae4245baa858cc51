"""Routes of groups of devices."""

import threading
from typing import Annotated, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.api.answering import (
    NEEDS_JSON,
    Author,
    Backend,
    DeviceName,
    GroupName,
    described,
    described_list,
    list_answer,
    view_answer,
)
from cloud_sync.api.etags import check_preconditions
from cloud_sync.backend import GroupView, NotFoundError

__all__ = ["group_routes"]

group_routes = APIRouter(tags=["groups"])

_CHANGING: Final = threading.Lock()
"""Between reading what is there and changing it nobody else changes it."""


class GroupRequest(BaseModel):
    """Who is in a group: those that ``filter`` describes, or those that ``devices`` lists."""

    model_config = ConfigDict(extra="forbid")

    filter: Annotated[str, Field(max_length=2000)] = ""
    devices: Annotated[list[DeviceName], Field(max_length=10_000)] = []
    description: Annotated[str, Field(max_length=500)] = ""


@group_routes.get("/groups", responses=described_list(GroupView))
def groups(backend: Backend) -> Response:
    """Return all groups by rising name."""
    return list_answer(backend.groups.groups())


@group_routes.get("/groups/{name}", responses=described(GroupView))
def group(backend: Backend, name: GroupName) -> Response:
    """Return one group."""
    return view_answer(backend.groups.group(name))


@group_routes.put("/groups/{name}", dependencies=[NEEDS_JSON], responses=described(GroupView))
def put_group(
    backend: Backend, by: Author, http: Request, name: GroupName, request: GroupRequest
) -> Response:
    """Make a group or change it.

    With ``If-Match`` it is changed only if nobody else has changed it meanwhile, with
    ``If-None-Match: *`` it is made only if there is none.
    """
    with _CHANGING:
        check_preconditions(http, lambda: _present(backend, name))
        view = backend.groups.put(
            name,
            filter_text=request.filter,
            devices=request.devices,
            description=request.description,
            by=by,
        )
    return view_answer(view)


@group_routes.delete("/groups/{name}", status_code=204, response_class=Response)
def delete_group(backend: Backend, by: Author, http: Request, name: GroupName) -> None:
    """Forget a group; its devices stay what they are."""
    with _CHANGING:
        check_preconditions(http, lambda: _present(backend, name))
        backend.groups.delete(name, by=by)


def _present(backend: Backend, name: str) -> GroupView | None:
    try:
        return backend.groups.group(name)
    except NotFoundError:
        return None
