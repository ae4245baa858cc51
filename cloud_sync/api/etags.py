"""ETags: who has an answer already is told so, and nobody overwrites what he has not seen.

An ETag is the hash of the answer's body, so it changes with what the client sees and with nothing
else, and it is the same before and after a restart.
"""

import hashlib
from collections.abc import Callable

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.api.json_views import view_to_json
from cloud_sync.api.problems import ApiError

__all__ = ["EtagMiddleware", "check_preconditions", "etag_of"]


def etag_of(body: bytes) -> str:
    """Return the ETag of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def check_preconditions(request: Request, present: Callable[[], object | None]) -> None:
    """Refuse an order whose ``If-Match`` or ``If-None-Match`` does not hold.

    Args:
        request: With the order.
        present: Gives the view that the order would change, as it is now; ``None`` for none.

    Raises:
        ApiError: 412, somebody else was faster.
    """
    wanted, unwanted = request.headers.get("if-match"), request.headers.get("if-none-match")
    if wanted is None and unwanted is None:
        return
    view = present()
    etag = "" if view is None else etag_of(bytes(JSONResponse(view_to_json(view)).body))
    if wanted is not None and not _names(wanted, etag):
        found = f"it is {etag} now" if etag else "it is not there"
        raise ApiError("precondition-failed", f"If-Match is {wanted}, but {found}: read it again")
    if unwanted is not None and _names(unwanted, etag):
        raise ApiError("precondition-failed", f"If-None-Match is {unwanted}, but it is there")


class EtagMiddleware:
    """ASGI middleware: gives JSON answers an ETag, and answers 304 to who has that one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None
        body = bytearray()

        async def send_tagged(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = Headers(raw=message["headers"])
                is_json = headers.get("content-type", "").startswith("application/json")
                if message["status"] == 200 and is_json and "etag" not in headers:
                    start = message
                    return
            elif start is not None:
                body.extend(message.get("body", b""))
                if message.get("more_body", False):
                    return
                await _send_tagged(start, bytes(body), known, send)
                return
            await send(message)

        await self._app(scope, receive, send_tagged)


async def _send_tagged(start: Message, body: bytes, known: str, send: Send) -> None:
    etag = etag_of(body)
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"] = etag
    headers.setdefault("Cache-Control", "private, no-cache")  # keep it, but ask if it is still so
    if _names(known, etag):
        del headers["content-length"]
        del headers["content-type"]
        await send({**start, "status": 304, "headers": headers.raw})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({**start, "headers": headers.raw})
    await send({"type": "http.response.body", "body": body})


def _names(header: str, etag: str) -> bool:
    """Return whether a list of ETags has this one; ``*`` has any."""
    given = [part.strip().removeprefix("W/") for part in header.split(",")]
    return bool(etag) and ("*" in given or etag in given)
