"""What all routes share: the backend behind them, who asks, and how views become answers."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, WithJsonSchema

from cloud_sync.api.json_views import view_to_json
from cloud_sync.api.problems import ApiError
from cloud_sync.backend import CloudBackend
from cloud_sync.core.access import Identity
from edge_contract.errors import UsageError
from edge_contract.names import NAME_PATTERN, VERSION_PATTERN, Version, checked_name

__all__ = [
    "CLIENT_HEADER",
    "IDENTITY",
    "NEEDS_JSON",
    "PROBLEM",
    "SESSION",
    "Author",
    "Backend",
    "DeviceName",
    "FilterText",
    "GroupName",
    "Limit",
    "ModelName",
    "SegmentText",
    "SinceUnixS",
    "TokenId",
    "VersionText",
    "described",
    "described_list",
    "list_answer",
    "needs_type",
    "page_of",
    "view_answer",
]

V = TypeVar("V")

IDENTITY: Final = "edgefleet.identity"
"""Where the guard puts into the scope of a request who asks."""

SESSION: Final = "edgefleet.session"
"""Where it puts whether a session says so."""

CLIENT_HEADER: Final = "X-Edgefleet-Client"
"""Names the program that asks (``cli``, ``dashboard``); it stands in the history of a rollout."""


_SEGMENT: Final = r"[^=\x00-\x1f]+=[^\x00-\x1f]+"
_TWELVE_HEX: Final = "[0-9a-f]{12}"


def _checked_device(name: str) -> str:
    return _checked(lambda: checked_name(name, "device"))


def _checked_group(name: str) -> str:
    return _checked(lambda: checked_name(name, "group"))


def _checked_model(name: str) -> str:
    return _checked(lambda: checked_name(name, "model"))


def _checked_version(version: str) -> str:
    return _checked(lambda: str(Version.parse(version)))


def _checked_segment(text: str) -> str:
    if text and not re.fullmatch(_SEGMENT, text):
        raise ValueError(f"a segment is a tag and its value, such as site=oslo, got {text!r}")
    return text


def _checked_token_id(text: str) -> str:
    if not re.fullmatch(_TWELVE_HEX, text):
        raise ValueError(
            "a token is named by the 12 digits and letters of its id, which the list of tokens "
            f"shows, got {text!r}"
        )
    return text


def _checked(check: Callable[[], str]) -> str:
    """Return what ``check`` returns; its refusal becomes one that the API's validation reads."""
    try:
        return check()
    except UsageError as error:
        raise ValueError(str(error)) from error


_NAME_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": f"^{NAME_PATTERN}$"})
_VERSION_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": f"^{VERSION_PATTERN}$"})

GroupName = Annotated[str, AfterValidator(_checked_group), _NAME_SCHEMA]
DeviceName = Annotated[str, AfterValidator(_checked_device), _NAME_SCHEMA]
ModelName = Annotated[str, AfterValidator(_checked_model), _NAME_SCHEMA]
VersionText = Annotated[str, AfterValidator(_checked_version), _VERSION_SCHEMA]
SegmentText = Annotated[
    str,
    Query(max_length=300),
    AfterValidator(_checked_segment),
    WithJsonSchema({"type": "string", "maxLength": 300, "pattern": f"^$|^{_SEGMENT}$"}),
]
TokenId = Annotated[
    str,
    Path(),
    AfterValidator(_checked_token_id),
    WithJsonSchema({"type": "string", "pattern": f"^{_TWELVE_HEX}$"}),
]
SinceUnixS = Annotated[float, Query(ge=0, le=2**53, allow_inf_nan=False)]
Limit = Annotated[int, Query(ge=1, le=1000)]
FilterText = Annotated[
    str,
    Query(
        max_length=2000,
        description='Describes devices: `tag.site == "oslo" and memory_mb >= 512`',
    ),
]


PROBLEM: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "A problem as RFC 9457 describes it",
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
}


async def _backend(request: Request) -> CloudBackend:
    backend: CloudBackend = request.app.state.backend
    return backend


async def _author(request: Request) -> str:
    program = request.headers.get(CLIENT_HEADER, "api")
    if re.fullmatch(r"[a-z][a-z0-9-]{0,31}", program) is None:
        program = "api"
    whence = f"{program} at {request.client.host if request.client else 'unknown address'}"
    identity: Identity | None = request.scope.get(IDENTITY)
    return whence if identity is None else f"{identity.name}, {whence}"


def needs_type(media_type: str) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that refuses bodies of another type."""

    async def check(request: Request) -> None:
        found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if found != media_type:
            raise ApiError("wrong-type", f"the body is sent as {media_type}, got {found or 'none'}")

    return check


NEEDS_JSON: Final = Depends(needs_type("application/json"))

Backend = Annotated[CloudBackend, Depends(_backend)]
Author = Annotated[str, Depends(_author)]


def view_answer(view: object, *, status: int = 200, location: str = "") -> Response:
    """Return one view as JSON."""
    headers = {"Location": location} if location else None
    return JSONResponse(view_to_json(view), status, headers)


def page_of(
    views: Sequence[V], names: Sequence[str], after: str, limit: int
) -> tuple[Sequence[V], str | None]:
    """Return the views past the one that is named ``after``, and what to send as the next.

    Args:
        views: All of them.
        names: Theirs, in the same order.
        after: A name; empty for the beginning, and there is nothing past an unknown one.
        limit: At most so many.
    """
    if after and after not in names:
        return (), None
    begin = names.index(after) + 1 if after else 0
    page = views[begin : begin + limit]
    is_last = begin + limit >= len(views)
    return page, None if is_last or not page else names[begin + len(page) - 1]


def list_answer(views: Sequence[object], *, after: str | None = None) -> Response:
    """Return views as ``{"items": [...], "next": ...}``.

    Args:
        views: One page of them.
        after: What to send as ``after`` to get the next page; ``None`` if this is the last one.
    """
    return JSONResponse({"items": view_to_json(views), "next": after})


def described(view: type, *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Return how the API document describes an answer with one view."""
    return _response(status, {"$ref": f"#/components/schemas/{view.__name__}"}, view)


def described_list(view: type) -> dict[int | str, dict[str, Any]]:
    """Return how the API document describes an answer with a list of views."""
    schema = {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{view.__name__}"}},
            "next": {"type": ["string", "null"]},
        },
        "required": ["items", "next"],
    }
    return _response(200, schema, view)


def _response(
    status: int, schema: Mapping[str, object], view: type
) -> dict[int | str, dict[str, Any]]:
    first_line = (view.__doc__ or "").strip().splitlines()[0]
    content = {"application/json": {"schema": dict(schema)}}
    return {status: {"description": first_line, "content": content}}
