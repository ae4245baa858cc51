"""The guard in front of the app: which hosts, sites, tokens, roles and sizes it lets through."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.api.answering import IDENTITY, SESSION
from cloud_sync.api.doors import API, LOGIN, LOGOUT, SAFE_METHODS, Doors, may_reach, role_for
from cloud_sync.api.problems import ApiError, kind_of, problem_response
from cloud_sync.api.rates import Rates
from cloud_sync.api.settings import ApiSettings
from cloud_sync.core.access import Identity
from edge_contract.errors import EdgeError
from edge_contract.samples import MAX_PARCEL_BYTES

__all__ = ["API", "Guard"]

_OPEN_PATHS: Final = (
    f"{API}/health",
    f"{API}/blobs/",
    f"{API}/enrolment",  # which asks for proofs of its own
    f"{API}/uploads/",  # as this does
    "/healthz",
    "/readyz",
    "/static/",  # what the page needs that asks for the token
    LOGIN,
    LOGOUT,
)
_RESPONSE_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_ANYBODYS: Final = (f"{API}/blobs/", f"{API}/enrolment")
"""What agents in pages of other sites ask for: nothing of it goes by who the browser is."""
_SHARED: Final = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type, Range",
    "Access-Control-Max-Age": "86400",
}
_TLS_HEADERS: Final = {"Strict-Transport-Security": "max-age=31536000"}


class Guard:
    """ASGI middleware; refuses before the app sees anything, and bounds what the app may read."""

    def __init__(self, app: ASGIApp, *, settings: ApiSettings, doors: Doors) -> None:
        self._app = app
        self._settings = settings
        self._doors = doors
        self._rates = Rates(per_s=settings.requests_per_s, failures_per_s=settings.failures_per_s)
        self._headers = {**_RESPONSE_HEADERS, **(_TLS_HEADERS if settings.tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an HTTP request through, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        path, method = scope["path"], scope["method"]
        is_anybodys = path.startswith(_ANYBODYS)

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**self._headers, **(_SHARED if is_anybodys else {})}.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if is_anybodys and method == "OPTIONS":
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send_hardened)
            return
        limit_bytes = self._limit_bytes(method, path)
        try:
            await self._let_in(scope, limit_bytes)
        except (ApiError, EdgeError) as error:
            await _refusal(scope, error)(scope, receive, send_hardened)
            return
        await self._app(scope, _bounded(receive, limit_bytes), send_hardened)

    async def _let_in(self, scope: Scope, limit_bytes: int) -> None:
        """Write down whose a request is; raises ``ApiError`` or ``EdgeError`` if it may not."""
        self._check(scope, limit_bytes)
        if not scope["path"].startswith(_OPEN_PATHS):
            identity = await run_in_threadpool(self._identity, scope)
            scope[IDENTITY] = identity
            self._rates.count(scope, "" if identity is None else identity.name)
        elif scope["path"] == LOGIN and scope["method"] == "POST":
            self._rates.count_login(scope)
        elif scope["method"] == "POST":  # a device that joins
            self._rates.count_unproven(scope)

    def _identity(self, scope: Scope) -> Identity | None:
        """Return who asks, ``None`` where the API is open; raises ``ApiError`` if he may not."""
        if self._doors.is_open:
            return None
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        token, is_session = self._doors.token_in(headers)
        if is_session and token and method not in SAFE_METHODS:
            _require_own_page(headers)
        identity = self._doors.identify(token)
        if identity is None:
            if token:
                self._rates.count_unproven(scope)
            raise ApiError(
                "unauthorized",
                "the API token is missing, wrong, expired or revoked"
                if token
                else "the API asks for a token",
                headers={"WWW-Authenticate": 'Bearer realm="edgefleet"'},
            )
        _require_right(identity, method, path)
        scope[SESSION] = is_session
        return identity

    def _limit_bytes(self, method: str, path: str) -> int:
        if method == "PUT" and path.startswith(f"{API}/uploads/"):
            return MAX_PARCEL_BYTES
        is_push = method == "POST" and path == f"{API}/models"
        return self._settings.max_package_bytes if is_push else self._settings.max_json_bytes

    def _check(self, scope: Scope, limit_bytes: int) -> None:
        headers = Headers(scope=scope)
        _check_host(headers, self._settings.allowed_hosts)
        if scope["method"] not in SAFE_METHODS and not scope["path"].startswith(_ANYBODYS):
            _check_site(headers)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit_bytes:
            raise _too_large(limit_bytes)


def _refusal(scope: Scope, error: ApiError | EdgeError) -> Response:
    """Return what is answered to a request that is not let in; pages lead to where one logs in."""
    if not isinstance(error, ApiError):
        return problem_response(kind_of(error), str(error))
    if error.kind.name == "unauthorized" and _is_page(scope):
        return RedirectResponse(_login_for(scope), 303)
    return problem_response(error.kind, error.detail, headers=error.headers)


def _require_right(identity: Identity, method: str, path: str) -> None:
    needed = role_for(method, path)
    if not identity.role.allows(needed):
        raise ApiError(
            "not-allowed",
            f"{method} {path} needs the role {needed.value}; the token of "
            f"{identity.name!r} has {identity.role.value}",
        )
    if not may_reach(identity, path):
        scopes = ", ".join(sorted(scope.value for scope in identity.scopes))
        raise ApiError(
            "not-allowed", f"the token of {identity.name!r} is held to {scopes}: not to {path}"
        )


def _check_host(headers: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    host = _name_of(headers.get("host", ""))
    if allowed and host not in allowed:
        raise ApiError(
            "wrong-host", f"host {host!r} is not answered here, use one of {', '.join(allowed)}"
        )


def _check_site(headers: Mapping[str, str]) -> None:
    """Refuse an order that a browser carries here from another web site."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        origin = headers.get("origin")
        is_own = origin is None or urlsplit(origin).netloc == headers.get("host")
    if not is_own:
        raise ApiError("forbidden", "this order comes from another web site")


def _require_own_page(headers: Mapping[str, str]) -> None:
    """Refuse an order by cookie that does not say that a page of ours sends it."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    is_own = site == "same-origin" or (
        site is None and origin is not None and urlsplit(origin).netloc == headers.get("host")
    )
    if not is_own:
        raise ApiError(
            "forbidden", "an order of a session has to come from a page of this cloud: send a token"
        )


def _is_page(scope: Scope) -> bool:
    """Return whether a browser wants to show what is asked for."""
    is_looked_at = scope["method"] == "GET" and not scope["path"].startswith(API)
    return is_looked_at and "text/html" in Headers(scope=scope).get("accept", "")


def _login_for(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = scope["path"] + (f"?{query}" if query else "")
    return f"{LOGIN}?{urlencode({'next': wanted})}"


def _name_of(host: str) -> str:
    """Return the header ``Host`` without its port: ``[::1]:8080`` is ``[::1]``."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _bounded(receive: Receive, limit_bytes: int) -> Receive:
    """Return a ``receive`` that refuses a body longer than it declared itself to be."""
    seen_bytes = 0

    async def receive_bounded() -> Message:
        nonlocal seen_bytes
        message = await receive()
        seen_bytes += len(message.get("body", b""))
        if seen_bytes > limit_bytes:
            raise _too_large(limit_bytes)
        return message

    return receive_bounded


def _too_large(limit_bytes: int) -> ApiError:
    return ApiError(
        "too-large",
        f"the request is longer than the {limit_bytes} bytes that this cloud takes",
        headers={"Connection": "close"},
    )
