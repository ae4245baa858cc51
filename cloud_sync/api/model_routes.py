"""Routes of the registry: models, versions, packages and their files."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import StringConstraints
from starlette.requests import ClientDisconnect

from cloud_sync.api.answering import (
    Author,
    Backend,
    ModelName,
    SegmentText,
    SinceUnixS,
    VersionText,
    described,
    described_list,
    list_answer,
    needs_type,
    view_answer,
)
from cloud_sync.api.problems import ApiError
from cloud_sync.backend import ModelView, NotFoundError, StatisticsView, VersionView
from edge_contract.delta import MAX_BASES
from edge_contract.package.digests import DIGEST_PATTERN

__all__ = ["BLOB_HEADERS", "model_routes"]

model_routes = APIRouter(tags=["models"])

_PACKAGE_TYPE: Final = "application/octet-stream"
BLOB_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",
    # Agents in pages of other sites fetch packages too; who knows a digest may have the file.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}

_Digest = Annotated[str, Path(pattern=f"^{DIGEST_PATTERN}$")]
_Base = Annotated[str, StringConstraints(pattern=f"^{DIGEST_PATTERN}$")]
_Compression = Annotated[str, StringConstraints(pattern="^[a-z]{4}$")]

_PACKAGE_BODY: Final = {
    "requestBody": {
        "description": "A model package in its one-file form, *.modelpkg",
        "required": True,
        "content": {_PACKAGE_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


async def _archive(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise ApiError("malformed", "the package ended before its length") from error


@model_routes.get("/models", responses=described_list(ModelView))
def models(backend: Backend) -> Response:
    """Return all models with their versions."""
    return list_answer(backend.models())


@model_routes.get("/models/{name}/versions/{version}", responses=described(VersionView))
def version(backend: Backend, name: ModelName, version: VersionText) -> Response:
    """Return one version with its manifest, drift, histograms and quality."""
    return view_answer(backend.version(name, version))


@model_routes.get(
    "/models/{name}/versions/{version}/statistics", responses=described(StatisticsView)
)
def statistics(
    backend: Backend,
    name: ModelName,
    version: VersionText,
    segment: SegmentText = "",
    since: SinceUnixS | None = None,
) -> Response:
    """Return what a version saw against its reference, all that a report of it needs.

    ``segment`` is a tag of devices as ``site=oslo``, or ``hardware=aarch64``; ``since`` is in Unix
    seconds, and by default as far back as the pages of the dashboard look.
    """
    return view_answer(backend.statistics(name, version, segment=segment, since_unix_s=since))


@model_routes.post(
    "/models",
    status_code=201,
    dependencies=[Depends(needs_type(_PACKAGE_TYPE))],
    responses=described(VersionView, status=201),
    openapi_extra=_PACKAGE_BODY,
)
def push(backend: Backend, by: Author, archive: Annotated[bytes, Depends(_archive)]) -> Response:
    """Add a package to the registry; pushing the same one again changes nothing."""
    view = backend.push(archive, by=by)
    location = f"/api/v1/models/{view.name}/versions/{view.version}"
    return view_answer(view, status=201, location=location)


@model_routes.head("/blobs/{digest}", include_in_schema=False)
@model_routes.get(
    "/blobs/{digest}",
    response_class=FileResponse,
    responses={
        206: {"description": "The part that the header 'Range' asked for"},
        304: {"description": "The header 'If-None-Match' names this file"},
    },
)
def blob(backend: Backend, request: Request, digest: _Digest) -> Response:
    """Return a file of a package: whole, or from where an earlier download broke off.

    A ``Range`` that is not one plain range of bytes is ignored, as RFC 9110 allows.
    """
    path = backend.blob_path(digest)
    if not path.is_file():
        raise NotFoundError(f"the file of {digest} is gone from the registry; push the model again")
    stat = path.stat()
    headers = {"ETag": f'"{digest}"', **BLOB_HEADERS}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if not _asks_for_part(request, size=stat.st_size, etag=headers["ETag"]):
        request.scope["headers"] = [
            item for item in request.scope["headers"] if item[0] not in (b"range", b"if-range")
        ]
    return FileResponse(path, headers=headers, media_type=_PACKAGE_TYPE, stat_result=stat)


@model_routes.get(
    "/blobs/{digest}/offer",
    responses={200: {"description": "Parcels of all files of the package, with ways to them"}},
)
def offer(
    backend: Backend,
    digest: _Digest,
    have: Annotated[list[_Base], Query(max_length=MAX_BASES)] = [],  # noqa: B006  FastAPI copies it
    compressions: Annotated[list[_Compression], Query(alias="with", max_length=8)] = [],  # noqa: B006
) -> Response:
    """Return the ways to a package: chunks of its files, and deltas that are smaller.

    ``have`` names packages that the device has, ``with`` the compressions that it can expand. It
    may take any way that it likes: what it makes must have the digests of the manifest.
    """
    found = backend.offer(digest, have=have, compressions=compressions)
    return Response(found.to_bytes(), media_type="application/json")


def _asks_for_part(request: Request, *, size: int, etag: str) -> bool:
    """Return whether one plain range is asked for; a problem if the file has no such range."""
    match = re.fullmatch(
        r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", request.headers.get("range", "")
    )
    if match is None or request.headers.get("if-range", etag) != etag:
        return False
    first, last, suffix = match.groups()
    if suffix is None and last and int(last) < int(first):
        return False
    if suffix is not None and int(suffix) >= size:
        return False  # the whole file
    if int(suffix) == 0 if suffix is not None else int(first) >= size:
        raise ApiError(
            "no-such-range",
            f"the file has {size} bytes, asked for was {request.headers['range']!r}",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return True
