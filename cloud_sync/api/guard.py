"""The guard in front of the app: which hosts, sites, tokens, roles and sizes it lets through."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.api.answering import IDENTITY
from cloud_sync.api.problems import ApiError, kind_of, problem_response
from cloud_sync.api.rates import Rates
from cloud_sync.api.settings import ApiSettings
from cloud_sync.backend import AccessBook
from cloud_sync.core.access import Identity, Role
from edge_contract.errors import EdgeError
from edge_contract.samples import MAX_PARCEL_BYTES

__all__ = ["API", "Guard"]

API: Final = "/api/v1"

_OPEN_PATHS: Final = (
    f"{API}/health",
    f"{API}/blobs/",
    f"{API}/enrolment",  # which asks for proofs of its own
    f"{API}/uploads/",  # as this does
    "/healthz",
    "/readyz",
)
_NEEDS: Final = (
    (f"{API}/tokens", Role.ADMIN),
    (f"{API}/broker-passwords", Role.ADMIN),
    (f"{API}/audit", Role.OPERATOR),
    (f"{API}/samples", Role.OPERATOR),
    ("/audit", Role.OPERATOR),
)
"""Roles that looking at something needs, where that is more than a viewer's."""
_SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")

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
_BLOBS: Final = f"{API}/blobs/"
_BLOB_HEADERS: Final = {
    # Agents in pages of other sites have to see why they get nothing, too.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_TLS_HEADERS: Final = {"Strict-Transport-Security": "max-age=31536000"}


class Guard:
    """ASGI middleware; refuses before the app sees anything, and bounds what the app may read."""

    def __init__(self, app: ASGIApp, *, settings: ApiSettings, access: AccessBook) -> None:
        self._app = app
        self._settings = settings
        self._access = access
        self._rates = Rates(per_s=settings.requests_per_s, failures_per_s=settings.failures_per_s)
        self._headers = {**_RESPONSE_HEADERS, **(_TLS_HEADERS if settings.tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let an HTTP request through, or answer it with a problem."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        own = _BLOB_HEADERS if scope["path"].startswith(_BLOBS) else {}

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**self._headers, **own}.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        limit_bytes = self._limit_bytes(scope["method"], scope["path"])
        try:
            self._check(scope, limit_bytes)
            if not scope["path"].startswith(_OPEN_PATHS):
                identity = await run_in_threadpool(self._identity, scope)
                scope[IDENTITY] = identity
                self._rates.count(scope, "" if identity is None else identity.name)
            elif scope["method"] == "POST":  # a device that joins
                self._rates.count_unproven(scope)
        except ApiError as error:
            response = problem_response(error.kind, error.detail, headers=error.headers)
            await response(scope, receive, send_hardened)
            return
        except EdgeError as error:
            response = problem_response(kind_of(error), str(error))
            await response(scope, receive, send_hardened)
            return
        await self._app(scope, _bounded(receive, limit_bytes), send_hardened)

    def _identity(self, scope: Scope) -> Identity | None:
        """Return who asks, ``None`` where the API is open; raises ``ApiError`` if he may not."""
        if not self._settings.token and self._access.is_open:
            return None
        path, needed = scope["path"], _role_for(scope["method"], scope["path"])
        token = _token_in(Headers(scope=scope))
        identity = self._access.identify(token)
        if self._settings.token and hmac.compare_digest(
            token.encode(), self._settings.token.encode()
        ):
            identity = Identity("admin", Role.ADMIN)
        if identity is None:
            if token:
                self._rates.count_unproven(scope)
            # a browser asks its user for the one on a page, and repeats it to the API by itself
            challenge = "Bearer" if path.startswith(API) else "Basic"
            raise ApiError(
                "unauthorized",
                "the API token is missing, wrong, expired or revoked"
                if token
                else "the API asks for a token",
                headers={"WWW-Authenticate": f'{challenge} realm="edgefleet"'},
            )
        if not identity.role.allows(needed):
            raise ApiError(
                "not-allowed",
                f"{scope['method']} {path} needs the role {needed.value}; the token of "
                f"{identity.name!r} has {identity.role.value}",
            )
        return identity

    def _limit_bytes(self, method: str, path: str) -> int:
        if method == "PUT" and path.startswith(f"{API}/uploads/"):
            return MAX_PARCEL_BYTES
        is_push = method == "POST" and path == f"{API}/models"
        return self._settings.max_package_bytes if is_push else self._settings.max_json_bytes

    def _check(self, scope: Scope, limit_bytes: int) -> None:
        headers = Headers(scope=scope)
        _check_host(headers, self._settings.allowed_hosts)
        if scope["method"] not in _SAFE_METHODS:
            _check_site(headers)
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit_bytes:
            raise _too_large(limit_bytes)


def _role_for(method: str, path: str) -> Role:
    if method == "DELETE" and path.startswith(f"{API}/devices/"):
        return Role.ADMIN  # what is forgotten does not come back
    for prefix, role in _NEEDS:
        if path == prefix or path.startswith(f"{prefix}/"):
            return role
    return Role.VIEWER if method in _SAFE_METHODS else Role.OPERATOR


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


def _token_in(headers: Mapping[str, str]) -> str:
    """Return the token that a request brings; empty for none."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    given = credentials.strip()
    match scheme.lower():
        case "bearer":
            return given
        case "basic":
            return _password_of(given)
        case _:
            return ""


def _password_of(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


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
