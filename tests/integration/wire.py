"""A wire between devices and the registry that a test can look into, cut and make noisy."""

import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Asked", "Wire", "wire_to"]

_PATIENCE_S = 30.0


class Asked(NamedTuple):
    """A request for a file or an offer, and how much went back."""

    name: str
    wanted: str
    status: int
    sent_bytes: int


@dataclass
class Wire:
    """What went over it, and what it does to what goes over it.

    Attributes:
        url: What devices use in place of the registry's.
        asked: Every request that was answered.
        change: Returns what arrives of an answer, given its name, range and bytes.
        stall_after: Answers longer than this stop there until :attr:`go_on`; 0 for never.
        go_on: Lets answers that were stopped break off.
        stalled: Set when an answer stopped.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    change: Callable[[str, str, bytes], bytes] = lambda _name, _wanted, data: data
    stall_after: int = 0
    go_on: threading.Event = field(default_factory=threading.Event)
    stalled: threading.Event = field(default_factory=threading.Event)

    def of(self, name: str) -> list[Asked]:
        """Return the requests for one file."""
        return [one for one in self.asked if one.name == name]

    @property
    def sent_bytes(self) -> int:
        """All that reached devices."""
        return sum(one.sent_bytes for one in self.asked if one.status < 300)


@contextmanager
def wire_to(port: int) -> Iterator[Wire]:
    """Lay a wire to a registry on loopback, which need not be there yet."""
    wire = Wire()
    handler = type("WireHandler", (_Handler,), {"wire": wire, "port": port})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        wire.url = f"http://127.0.0.1:{server.server_address[1]}/api/v1/blobs"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield wire
        finally:
            wire.go_on.set()
            server.shutdown()
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    wire: Wire
    port: int

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].removeprefix("/api/v1/blobs/")
        wanted = self.headers.get("Range", "")
        headers = {"Range": wanted} if wanted else {}
        registry = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_S)
        try:
            registry.request("GET", self.path, headers=headers)
            answer = registry.getresponse()
            data = self.wire.change(name, wanted, answer.read())
            self.send_response(answer.status)
        finally:
            registry.close()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wire.asked.append(Asked(name, wanted, answer.status, len(data)))
        most_bytes = self.wire.stall_after or len(data)
        try:
            self.wfile.write(data[:most_bytes])
            if most_bytes < len(data):
                self.wire.stalled.set()
                self.wire.go_on.wait(_PATIENCE_S)
                self.close_connection = True
        except OSError:
            return  # the device has left

    def log_message(self, *_: object) -> None:
        return
