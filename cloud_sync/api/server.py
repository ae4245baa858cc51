"""Serves the API on a port, from a thread of its own."""

import errno
import ipaddress
import logging
import socket
import sys
import threading
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import uvicorn

from cloud_sync.api.app import create_app
from cloud_sync.api.settings import ApiSettings
from cloud_sync.backend import CloudBackend
from edge_contract.errors import UnavailableError, UsageError

__all__ = ["ApiServer"]

_log = logging.getLogger(__name__)

_GRACE_S: Final = 3
"""How long a running download may go on after :meth:`ApiServer.stop`."""

_LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")
_HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


class ApiServer:
    """A running server: takes requests from the moment it is made until :meth:`stop`.

    Args:
        backend: The cloud; has to stay open until the server has stopped.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        settings: Who may use the API.

    Attributes:
        port: The port that it listens on.

    Raises:
        UsageError: This machine has no such address, this user may not take this port, or the
            API would be open to the network without a token.
        UnavailableError: Another program has the port.
    """

    def __init__(
        self,
        backend: CloudBackend,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        settings: ApiSettings | None = None,
    ) -> None:
        self._host = host
        self._app = create_app(
            backend,
            settings=_settings_for(
                host, settings=settings or ApiSettings(), has_tokens=not backend.access.is_open
            ),
        )
        tls = settings.tls if settings else None
        self._scheme = "http" if tls is None else "https"
        listener = _listener(host, port)
        self.port: int = listener.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,  # the program that runs the server decides what is logged where
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_S,
                ssl_certfile=None if tls is None else tls.certificate,
                ssl_keyfile=None if tls is None else tls.key,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="api", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where this machine reaches the API."""
        host = _HERE.get(self._host, self._host)
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def open_streams(self) -> int:
        """How many listeners follow the events."""
        return self._app.feed.listeners

    def stop(self) -> None:
        """Finish the requests that run, end the event streams and free the port."""
        self._app.feed.close()
        self._server.should_exit = True
        self._thread.join(timeout=_GRACE_S + 5)
        if self._thread.is_alive():
            _log.warning("API on port %d still waits for an answer of the backend", self.port)

    def __enter__(self) -> Self:
        """Return the running server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()


def _settings_for(host: str, *, settings: ApiSettings, has_tokens: bool) -> ApiSettings:
    if _is_loopback(host):
        return replace(settings, allowed_hosts=settings.allowed_hosts or _LOOPBACK_HOSTS)
    if not settings.token and not has_tokens and not settings.open_to_network:
        raise UsageError(
            f"the API would be open to everybody who reaches {host!r}: set a token, "
            "listen on 127.0.0.1, or say that it shall be open"
        )
    return settings


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens already, so that nobody is refused while the server starts."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":  # there the option would let us share a taken port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
    except PermissionError as error:
        raise UsageError(
            f"this user may not listen on port {port}; choose one above 1023"
        ) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UnavailableError(
                f"port {port} on {host!r} is taken by another program: stop that program, or "
                "choose another port (0 takes a free one)"
            ) from error
        raise UsageError(
            f"cannot listen on {host!r}: {error.strerror or error}; use an address of this machine"
        ) from error
    return listener
