"""A connection to the cloud's API: requests, and its refusals as our errors."""

import json
import os
import secrets
import ssl
from collections.abc import Mapping
from importlib import metadata
from typing import Final
from urllib.parse import urlsplit

import httpx

from cloud_sync.backend import NotFoundError
from edge_contract.errors import (
    EdgeError,
    MessageError,
    PackageError,
    UnavailableError,
    UsageError,
)
from edge_contract.reading import JsonObject, Reader
from edgefleet.environment import (
    CA_VARIABLE,
    CLOUD_VARIABLE,
    DEFAULT_URL,
    PLAIN_TEXT_VARIABLE,
    TOKEN_VARIABLE,
)

__all__ = ["ApiConnection", "segment_of"]

_YES: Final = {"1", "true", "yes", "on", "t", "y"}  # as command line options read them
_CONNECT_RETRIES: Final = 2
_SEND_TIMEOUT_S: Final = 300.0

_ERRORS: Final[Mapping[str, type[EdgeError]]] = {
    "not-found": NotFoundError,
    "invalid-package": PackageError,
    "invalid-data": MessageError,
    "unavailable": UnavailableError,
    "internal": EdgeError,
}


class ApiConnection:
    """Sends requests below ``URL/api/v1`` and reads the answers.

    Args:
        url: Of the cloud; empty takes the environment's ``EDGEFLEET_CLOUD``, else this machine.
        token: For the API; empty takes the environment's ``EDGEFLEET_TOKEN``.
        program: Who asks, in lower case; stands in the history of what is done.
        timeout_s: How long to wait for an answer.

    Raises:
        UsageError: The address is none, or the token would travel to it unencrypted beyond this
            machine and ``EDGEFLEET_PLAIN_TEXT`` does not allow that.
    """

    def __init__(self, url: str, *, token: str, program: str, timeout_s: float) -> None:
        self.url = _checked_url(url or os.environ.get(CLOUD_VARIABLE, "") or DEFAULT_URL)
        self._timeout_s = timeout_s
        headers = {
            "User-Agent": f"edgefleet/{metadata.version('edgefleet')}",
            "X-Edgefleet-Client": program,
        }
        token = token or os.environ.get(TOKEN_VARIABLE, "")
        if token:
            _require_secrecy(self.url)
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1/",
            headers=headers,
            timeout=timeout_s,
            transport=httpx.HTTPTransport(retries=_CONNECT_RETRIES, verify=_trusted()),
            trust_env=not _is_loopback(self.url),  # a proxy would look for the cloud on itself
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **parameters: str | float | list[str]) -> Reader:
        """Return the answer to a question; a list is given once for each of its items."""
        given = {name: value for name, value in parameters.items() if value != ""}
        return self._send(self._http.build_request("GET", path, params=given))

    def get_bytes(self, path: str) -> bytes:
        """Return an answer that is a file."""
        timeout = httpx.Timeout(self._timeout_s, read=_SEND_TIMEOUT_S)
        return self._checked(self._http.build_request("GET", path, timeout=timeout)).content

    def post(
        self, path: str, body: "JsonObject | None" = None, *, is_repeatable: bool = True
    ) -> Reader:
        """Return the answer to an order.

        It carries a key by which the cloud knows it again, so it is sent once more where the
        connection broke, and still carried out once.

        Args:
            path: Where it goes.
            body: The order.
            is_repeatable: Whether the cloud may keep the answer for that.
        """
        headers = {"Idempotency-Key": secrets.token_hex(16)} if is_repeatable else {}
        return self._order("POST", path, body, headers)

    def put(self, path: str, body: "JsonObject", *, if_match: str = "") -> Reader:
        """Return the answer to an order that says how something shall be.

        Args:
            path: Of the thing.
            body: How it shall be.
            if_match: The ETag that it must have now; empty for any.
        """
        return self._order("PUT", path, body, {"If-Match": if_match} if if_match else {})

    def delete(self, path: str) -> None:
        """Remove something."""
        self._checked(self._http.build_request("DELETE", path))

    def remove(self, path: str) -> Reader:
        """Remove something and return what the cloud says of it."""
        return self._send(self._http.build_request("DELETE", path))

    def _order(
        self, method: str, path: str, body: "JsonObject | None", headers: Mapping[str, str]
    ) -> Reader:
        if body is None:
            return self._send(self._http.build_request(method, path, headers=headers))
        try:
            content = json.dumps(body, allow_nan=False).encode()
        except ValueError as error:
            raise UsageError(f"the order for {path!r} is no JSON: {error}") from error
        headers = {**headers, "Content-Type": "application/json"}
        return self._send(self._http.build_request(method, path, content=content, headers=headers))

    def post_bytes(self, path: str, content: bytes) -> Reader:
        """Return the answer to an order whose body may be long."""
        headers = {"Content-Type": "application/octet-stream"}
        timeout = httpx.Timeout(self._timeout_s, read=_SEND_TIMEOUT_S, write=_SEND_TIMEOUT_S)
        return self._send(
            self._http.build_request(
                "POST", path, content=content, headers=headers, timeout=timeout
            )
        )

    def _send(self, request: httpx.Request) -> Reader:
        return self._read(self._checked(request))

    def _checked(self, request: httpx.Request) -> httpx.Response:
        """Return the answer if it is no refusal."""
        try:
            response = self._sent(request)
        except httpx.ConnectError as error:
            raise UnavailableError(
                f"cannot reach the cloud at {self.url}: {_reason(error)}; "
                "is `edgefleet cloud run` running?"
            ) from error
        except httpx.TimeoutException as error:
            done = "" if request.method == "GET" else "; it may still carry out what was asked"
            raise UnavailableError(
                f"the cloud at {self.url} did not answer {request.method} {request.url.path} "
                f"in time{done}"
            ) from error
        except httpx.TransportError as error:
            raise UnavailableError(
                f"the connection to the cloud at {self.url} broke: {_reason(error)}"
            ) from error
        if not response.is_success:
            raise _error_of(response, url=self.url)
        return response

    def _sent(self, request: httpx.Request) -> httpx.Response:
        """Send a request; once more if the connection broke and nothing can happen twice by it."""
        is_safe = request.method != "POST" or "Idempotency-Key" in request.headers
        try:
            return self._http.send(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if not is_safe:
                raise
            return self._http.send(request)

    def _read(self, response: httpx.Response) -> Reader:
        where = f"answer to {response.request.method} {response.request.url.path}"
        try:
            return Reader(response.json(), where, MessageError)
        except ValueError as error:
            raise MessageError(
                f"the {where} of {self.url} is no JSON: is this an edgefleet cloud?"
            ) from error


def segment_of(name: str) -> str:
    """Return ``name`` if it can stand in an address; no name of ours needs escaping."""
    allowed = all(letter.isalnum() or letter in "_.@-" for letter in name)
    if not allowed or not name.strip("."):
        raise UsageError(f"{name!r} is no name: use letters, digits, '-', '_', '.' and '@'")
    return name


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f"cloud address {url!r} is none; write it like http://cloud.example:8080")
    return url.rstrip("/")


def _require_secrecy(url: str) -> None:
    """Refuse to send a token where others can listen on the way, unless that is said to be right.

    Raises:
        UsageError: The address is neither encrypted nor on this machine.
    """
    is_allowed = os.environ.get(PLAIN_TEXT_VARIABLE, "").lower() in _YES
    if not (url.startswith("https://") or _is_loopback(url) or is_allowed):
        raise UsageError(
            f"the token would travel to {url} in plain text, where others can listen on the way: "
            "let the cloud encrypt (`edgefleet cloud run --tls DIR`) and write https://, or set "
            f"{PLAIN_TEXT_VARIABLE}=1"
        )


def _trusted() -> ssl.SSLContext | bool:
    """Return whose certificates count; ``True`` for whom the system trusts."""
    path = os.environ.get(CA_VARIABLE, "")
    if not path:
        return True
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise UsageError(
            f"cannot use the certificates in {CA_VARIABLE}={path!r}: {error}"
        ) from error


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _error_of(response: httpx.Response, *, url: str) -> EdgeError:
    """Return the error that a refusal stands for."""
    problem: object = None
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        try:
            problem = response.json()
        except ValueError:
            problem = None
    match problem:
        case {"type": str(kind), "detail": str(detail)}:
            kind = kind.rpartition("/")[2]
            if kind == "unauthorized":
                detail = f"{detail}; set {TOKEN_VARIABLE}"
            return _ERRORS.get(kind, UsageError)(detail)
        case _:
            found = f"{url} answered {response.status_code} {response.reason_phrase}"
            if response.status_code >= 500:
                return UnavailableError(f"{found}; try again in a moment")
            return UsageError(f"{found}; is this an edgefleet cloud?")


def _reason(error: Exception) -> str:
    """Return why a connection failed in the words of the system: ``connection refused``."""
    text = str(error).rpartition("] ")[2] or type(error).__name__
    return text[:1].lower() + text[1:]
