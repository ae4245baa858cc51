"""Routes of signed metadata: devices fetch it, authors bring what they have signed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response

from cloud_sync.api.model_routes import BLOB_HEADERS
from cloud_sync.api.settings import SignedMetadata
from cloud_sync.backend import NotFoundError

__all__ = ["trust_routes"]

trust_routes = APIRouter(tags=["trust"])

_FileName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,100}\.json$")]
_RoleName = Annotated[str, Path(pattern=r"^(root|targets|model-[A-Za-z0-9_-]{1,64})$")]


def _trust(request: Request) -> SignedMetadata:
    signed: SignedMetadata | None = request.app.state.trust
    if signed is None:
        raise NotFoundError("this cloud signs nothing: start it with --keys")
    return signed


_Trust = Annotated[SignedMetadata, Depends(_trust)]


@trust_routes.get(
    "/blobs/trust/{name}",
    responses={200: {"description": "Metadata of The Update Framework"}},
    response_class=Response,
)
def metadata(signed: _Trust, name: _FileName) -> Response:
    """Return a file of signed metadata; the timestamp is signed anew when that is due."""
    data = signed.file(name)
    if data is None:
        raise NotFoundError(f"there is no metadata {name!r}")
    headers = {**BLOB_HEADERS, "Cache-Control": "no-cache"}
    return Response(data, media_type="application/json", headers=headers)


async def _body(request: Request) -> bytes:
    return await request.body()


@trust_routes.post("/trust/{role}", status_code=201)
def accept(signed: _Trust, role: _RoleName, data: Annotated[bytes, Depends(_body)]) -> Response:
    """Take over the next metadata of a role that its keys have signed."""
    version = signed.accept(role, data)
    return JSONResponse({"role": role, "version": version}, status_code=201)
