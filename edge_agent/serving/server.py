"""The server: listens, keeps count of its clients, and leaves in good order."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from edge_agent.serving.answer import Answer
from edge_agent.serving.batching import BatchLimits, Job
from edge_agent.serving.http import HttpConnection
from edge_agent.serving.listener import ClientLimits, Connection
from edge_agent.serving.service import Call, Served, Service
from edge_agent.serving.socket_path import SocketPath
from edge_agent.serving.socket_server import SocketConnection
from edge_agent.way_to_cloud import is_loopback
from edge_contract.errors import EdgeError, UnavailableError, UsageError
from edge_contract.records import dataclass, field

__all__ = ["Address", "ServeOptions", "Server", "parse_address"]

_LOOK_S: Final = 1.0
_DRAIN_LOOK_S: Final = 0.01
_BACKLOG: Final = 512


class Address(NamedTuple):
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How an agent is served.

    Attributes:
        http: Where to speak HTTP; ``None`` for nowhere.
        unix: Path of a Unix socket for frames; ``None`` for none.
        batches: How requests are joined, and how many may wait.
        limits: What one client may take.
        deadline_s: How long a request may wait for its prediction.
        connections: How many clients may be connected.
        drain_s: How long requests that are under way have at the end.
        plain_text: Whether rows and answers may travel unencrypted beyond this machine.
    """

    http: Address | None = None
    unix: Path | None = None
    batches: BatchLimits = field(default_factory=BatchLimits)
    limits: ClientLimits = field(default_factory=ClientLimits)
    deadline_s: float = 10.0
    connections: int = 1000
    drain_s: float = 1.5
    plain_text: bool = False

    def __post_init__(self) -> None:
        if not self.deadline_s > 0.0:
            raise UsageError(f"the deadline of requests is above 0 s, got {self.deadline_s} s")
        if self.http is not None and not self.plain_text and not is_loopback(self.http.host):
            raise UsageError(
                f"serving at {self.http.host!r}, rows and answers would travel in plain text, to "
                "whoever asks: serve at 127.0.0.1 behind a proxy that encrypts, or say --plain-text"
            )


def parse_address(text: str) -> Address:
    """Return the address in ``HOST:PORT``; raises ``UsageError`` if there is none."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"address {text!r} is not HOST:PORT, like 127.0.0.1:8710")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


class Server:
    """Serves an agent on an event loop.

    Args:
        agent: What is served.
        options: See :class:`ServeOptions`.
    """

    def __init__(self, agent: Served, options: ServeOptions) -> None:
        self._options = options
        self._models = tuple(agent.models)
        self._loop = asyncio.get_running_loop()
        self._service = Service(
            agent, options.batches, deadline_s=options.deadline_s, loop=self._loop
        )
        self._connections: set[Connection] = set()
        self._listening: list[asyncio.Server] = []
        self._socket_path: SocketPath | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> Address | None:
        """Listen; return where HTTP is spoken.

        Raises:
            UsageError: Something else is at the path of the socket.
            UnavailableError: The address is taken, or is none of this machine.
        """
        http, unix = self._options.http, self._options.unix
        address = None if http is None else await self._start_http(http)
        if unix is not None:
            try:
                self._socket_path = SocketPath(unix)
            except EdgeError:
                self._close_listening()
                raise
            self._listening.append(
                await self._loop.create_unix_server(
                    self._socket_connection, sock=self._socket_path.socket, backlog=_BACKLOG
                )
            )
        return address

    def stop(self) -> None:
        """Let :meth:`run` end."""
        self._stopping.set()

    async def run(self) -> None:
        """Serve until :meth:`stop`, then let what is under way end."""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _LOOK_S)
            for connection in list(self._connections):
                connection.look(time.monotonic())
        await self._leave()

    # What connections tell.

    def handle(self, call: Call, reply: Callable[[Answer], None]) -> Job | None:
        """Answer a call, now or later."""
        return self._service.handle(call, reply)

    def joined(self, connection: Connection) -> str:
        """A client has connected; return why it has to leave, or nothing."""
        self._connections.add(connection)
        self._service.connections = len(self._connections)
        if len(self._connections) > self._options.connections:
            return f"{self._options.connections} clients are connected already"
        return ""

    def left(self, connection: Connection) -> None:
        """A client is gone."""
        self._connections.discard(connection)
        self._service.connections = len(self._connections)

    async def _start_http(self, at: Address) -> Address:
        try:
            server = await self._loop.create_server(
                self._http_connection, at.host, at.port, backlog=_BACKLOG
            )
        except OSError as error:
            raise UnavailableError(
                f"cannot listen at {at.host}:{at.port}: {error.strerror or error}"
            ) from error
        self._listening.append(server)
        host, port = server.sockets[0].getsockname()[:2]
        return Address(host, port)

    def _close_listening(self) -> None:
        for listening in self._listening:
            listening.close()
        if self._socket_path is not None:
            self._socket_path.close()

    def _socket_connection(self) -> SocketConnection:
        return SocketConnection(
            self, self._options.limits, models=self._models, clock=time.monotonic
        )

    def _http_connection(self) -> HttpConnection:
        return HttpConnection(self, self._options.limits, clock=time.monotonic)

    async def _leave(self) -> None:
        self._close_listening()
        self._service.leave()
        for connection in list(self._connections):
            connection.leave()
        ends_s = time.monotonic() + self._options.drain_s
        await self._until(lambda: not self._service.waiting, ends_s)
        self._service.close()
        await self._until(lambda: not self._connections, ends_s)
        for connection in list(self._connections):
            connection.abort()

    async def _until(self, is_done: Callable[[], bool], ends_s: float) -> None:
        """Wait until it is so, but not beyond ``ends_s``."""
        while True:
            if is_done() or time.monotonic() >= ends_s:
                return
            await asyncio.sleep(_DRAIN_LOOK_S)
