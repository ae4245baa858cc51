"""Sessions of people who look at the dashboard: a cookie in place of the token, for some hours.

The browser never sees the token again after it was given, scripts cannot read the cookie, and
other sites cannot make the browser send it. A session does what its token may: when that is
revoked, so is the session.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Final

__all__ = ["Sessions", "session_cookie", "session_in"]

LONGEST_S: Final = 12 * 3600.0
IDLE_S: Final = 3600.0
_MOST: Final = 10_000
_NAME: Final = "edgefleet"
_SECURE_NAME: Final = "__Host-edgefleet"
"""Browsers take a cookie of such a name over TLS alone, and from this very host."""


@dataclass(slots=True)
class _Session:
    token: str = field(repr=False)
    ends_s: float
    seen_s: float


class Sessions:
    """Who has logged in, in memory: a restart of the cloud ends all of them. Thread-safe.

    Args:
        longest_s: After so long a session ends.
        idle_s: After so long without a request it does.
        clock_s: Gives monotonic seconds.
    """

    def __init__(
        self,
        *,
        longest_s: float = LONGEST_S,
        idle_s: float = IDLE_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._longest_s = longest_s
        self._idle_s = idle_s
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}

    @property
    def longest_s(self) -> float:
        """After so long a session ends."""
        return self._longest_s

    def open(self, token: str) -> str:
        """Begin a session for whoever has shown a token; return its secret."""
        secret = secrets.token_urlsafe(32)
        now_s = self._clock_s()
        with self._lock:
            self._forget_ended(now_s)
            if len(self._sessions) >= _MOST:
                self._sessions.pop(next(iter(self._sessions)))
            self._sessions[_digest(secret)] = _Session(token, now_s + self._longest_s, now_s)
        return secret

    def token_of(self, secret: str) -> str:
        """Return the token of a session; empty if there is none, or it is over."""
        now_s = self._clock_s()
        with self._lock:
            found = self._sessions.get(_digest(secret))
            if found is None:
                return ""
            if self._is_over(found, now_s):
                del self._sessions[_digest(secret)]
                return ""
            found.seen_s = now_s
            return found.token

    def close(self, secret: str) -> None:
        """End a session. Idempotent."""
        with self._lock:
            self._sessions.pop(_digest(secret), None)

    def _forget_ended(self, now_s: float) -> None:
        over = [key for key, one in self._sessions.items() if self._is_over(one, now_s)]
        for key in over:
            del self._sessions[key]

    def _is_over(self, session: _Session, now_s: float) -> bool:
        return now_s >= session.ends_s or now_s >= session.seen_s + self._idle_s


def session_in(headers: Mapping[str, str]) -> str:
    """Return the secret of the session that a request brings; empty for none."""
    cookie = SimpleCookie()
    try:
        cookie.load(headers.get("cookie", ""))
    except CookieError:
        return ""
    found = cookie.get(_SECURE_NAME) or cookie.get(_NAME)
    return "" if found is None else found.value


def session_cookie(secret: str, *, is_secure: bool, lasts_s: float) -> str:
    """Return what makes a browser keep a session, and send it to this site's own pages alone.

    Args:
        secret: Of the session; empty to forget it.
        is_secure: Whether the browser came over TLS.
        lasts_s: How long; 0 to forget it.
    """
    name = _SECURE_NAME if is_secure else _NAME
    secure = "; Secure" if is_secure else ""
    return f"{name}={secret}; Path=/; Max-Age={lasts_s:.0f}; HttpOnly; SameSite=Strict{secure}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
