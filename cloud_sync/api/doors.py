"""Who comes in at the API: by a token, or by the session that a token has opened."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final

from cloud_sync.api.sessions import Sessions, session_in
from cloud_sync.backend import AccessBook
from cloud_sync.core.access import Identity, Role, Scope

__all__ = ["API", "LOGIN", "LOGOUT", "SAFE_METHODS", "Doors", "may_reach", "role_for"]

API: Final = "/api/v1"
LOGIN: Final = "/login"
LOGOUT: Final = "/logout"

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")

_NEEDS: Final = (
    (f"{API}/tokens", Role.ADMIN),
    (f"{API}/broker-passwords", Role.ADMIN),
    (f"{API}/audit", Role.OPERATOR),
    (f"{API}/samples", Role.OPERATOR),
    ("/audit", Role.OPERATOR),
)
"""Roles that looking at something needs, where that is more than a viewer's."""

_SCOPES: Final[Mapping[str, Scope]] = {
    "models": Scope.MODELS,
    "trust": Scope.MODELS,
    "rollouts": Scope.ROLLOUTS,
    "pins": Scope.ROLLOUTS,
    "devices": Scope.DEVICES,
    "groups": Scope.DEVICES,
    "commands": Scope.DEVICES,
    "join-tokens": Scope.DEVICES,
    "credentials": Scope.DEVICES,
    "broker-passwords": Scope.DEVICES,
    "quarantine": Scope.DEVICES,
    "cell": Scope.DEVICES,
    "alarms": Scope.ALARMS,
    "samples": Scope.SAMPLES,
    "labels": Scope.SAMPLES,
    "tokens": Scope.ACCESS,
    "audit": Scope.ACCESS,
}
"""By what stands behind ``/api/v1/``."""
_FOR_ALL: Final = ("events", "me", "openapi.json", "problems", "summary")


class Doors:
    """Knows whose a request is. Thread-safe.

    Args:
        access: Knows the tokens.
        token: An admin's, beside those; empty for none.
        sessions: Of people who have logged in.
    """

    def __init__(self, access: AccessBook, *, token: str, sessions: Sessions) -> None:
        self.sessions = sessions
        self._access = access
        self._token = token

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for a token, because there is none."""
        return not self._token and self._access.is_open

    def identify(self, token: str) -> Identity | None:
        """Return whose token this is; ``None`` if it is wrong, expired or revoked."""
        found = self._access.identify(token)
        given, right = token.encode(), self._token.encode()
        if right and hmac.compare_digest(given, right):
            return Identity("admin", Role.ADMIN)
        return found

    def token_in(self, headers: Mapping[str, str]) -> tuple[str, bool]:
        """Return the token of a request, empty for none, and whether a session brings it."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        given = credentials.strip()
        match scheme.lower():
            case "bearer":
                return given, False
            case "basic":
                return _password_of(given), False
            case "":
                secret = session_in(headers)
                return (self.sessions.token_of(secret) if secret else ""), True
            case _:
                return "", False


def role_for(method: str, path: str) -> Role:
    """Return the role that a request needs."""
    if method == "DELETE" and path.startswith(f"{API}/devices/"):
        return Role.ADMIN  # what is forgotten does not come back
    for prefix, role in _NEEDS:
        if path == prefix or path.startswith(f"{prefix}/"):
            return role
    return Role.VIEWER if method in SAFE_METHODS else Role.OPERATOR


def may_reach(identity: Identity, path: str) -> bool:
    """Return whether the scopes of a token cover an address; pages show everything."""
    if not identity.scopes:
        return True
    if path == "/metrics":
        return Scope.METRICS in identity.scopes
    part = path.removeprefix(f"{API}/").partition("/")[0] if path.startswith(f"{API}/") else ""
    return part in _FOR_ALL or _SCOPES.get(part) in identity.scopes


def _password_of(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
