"""The page to try models on, at ``/try/``: a bundle that ``edgefleet browser build`` wrote."""

import json
import mimetypes
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from cloud_sync.backend import NotFoundError
from edge_contract.errors import UnavailableError

__all__ = ["page_routes"]

_FORMS: Final = (("br", "br"), ("gzip", "gz"))
_TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm"}


def page_routes(folder: Path) -> APIRouter:
    """Return the routes of a bundle.

    Args:
        folder: Of the bundle, which may come there later.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/try")
    def without_slash() -> Response:
        """Lead to the page."""
        return RedirectResponse("/try/")

    @routes.get("/try/{path:path}")
    def page(request: Request, path: str) -> Response:
        """Return a file of the bundle, in the smallest form that the browser takes."""
        headers = _headers(folder)
        found = (folder / (path or "index.html")).resolve()
        if found.is_dir():
            found /= "index.html"
        if not found.is_relative_to(folder.resolve()) or not found.is_file():
            raise NotFoundError(f"there is no {path!r} in the page")
        kind = _TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0]
        accepted = request.headers.get("accept-encoding", "")
        for encoding, suffix in _FORMS:
            small = found.with_name(f"{found.name}.{suffix}")
            if encoding in accepted and small.is_file():
                headers = {**headers, "Content-Encoding": encoding, "Vary": "Accept-Encoding"}
                return FileResponse(small, media_type=kind, headers=headers)
        return FileResponse(found, media_type=kind, headers=headers)

    return routes


def _headers(folder: Path) -> dict[str, str]:
    try:
        headers: dict[str, str] = json.loads((folder / "bundle.json").read_text())["headers"]
    except FileNotFoundError as error:
        raise UnavailableError("the page is not there yet: look again in a moment") from error
    return headers
