"""Routes by which people log in to the dashboard, and out."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment
from starlette.concurrency import run_in_threadpool

from cloud_sync.api.doors import LOGIN, LOGOUT, Doors
from cloud_sync.api.sessions import session_cookie, session_in

__all__ = ["add_login"]

_MOST_BYTES: Final = 10_000
_WRONG: Final = "This token is wrong, expired or revoked."


def add_login(routes: APIRouter, doors: Doors, templates: Environment) -> None:
    """Add the page that asks for a token, and what it sends."""

    def page(wanted: str, message: str, status: int) -> HTMLResponse:
        html = templates.get_template("login.html").render(wanted=wanted, message=message)
        return HTMLResponse(html, status)

    @routes.get(LOGIN)
    def login_page(next: str = "/") -> Response:  # noqa: A002  its name in the address
        if doors.is_open:
            return RedirectResponse(_local(next), 303)
        return page(_local(next), "", 200)

    @routes.post(LOGIN)
    async def login(request: Request) -> Response:
        given = parse_qs((await request.body())[:_MOST_BYTES].decode("utf-8", "replace"))
        token = given.get("token", [""])[0].strip()
        wanted = _local(given.get("next", ["/"])[0])
        if await run_in_threadpool(doors.identify, token) is None:
            return page(wanted, _WRONG, 401)
        doors.sessions.close(session_in(request.headers))
        secret = doors.sessions.open(token)
        answer = RedirectResponse(wanted, 303)
        answer.headers["Set-Cookie"] = session_cookie(
            secret, is_secure=_is_secure(request), lasts_s=doors.sessions.longest_s
        )
        return answer

    @routes.post(LOGOUT)
    async def logout(request: Request) -> Response:
        doors.sessions.close(session_in(request.headers))
        answer = RedirectResponse(LOGIN, 303)
        answer.headers["Set-Cookie"] = session_cookie("", is_secure=_is_secure(request), lasts_s=0)
        return answer


def _local(path: str) -> str:
    """Return where to go after the login: a page of this site and of no other."""
    try:
        parts = urlsplit(path.replace("\\", "/"))
    except ValueError:
        return "/"
    if parts.scheme or parts.netloc or not path.startswith("/") or path.startswith("//"):
        return "/"
    if any(ord(letter) < 0x20 for letter in path) or path.startswith((LOGIN, "/parts")):
        return "/"
    return path


def _is_secure(request: Request) -> bool:
    """Return whether the browser came over TLS, also where a proxy ends it before this cloud."""
    origin = request.headers.get("origin", "")
    return request.url.scheme == "https" or origin.startswith("https://")
