"""A server of packages by digest on loopback, which misbehaves as a test asks for."""

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edge_contract.delta import FileOffer, Offer, Parcel, Way, make_delta
from edge_contract.delta.compression import Compression
from edge_contract.package import Package, digest_of

__all__ = ["HttpRegistry", "running"]


@dataclass
class HttpRegistry:
    """What is served, and what goes wrong: set by the test.

    Attributes:
        blobs: Files by digest.
        offers: Answers to offers, by digest of the package.
        asked: What was asked for, with the ranges.
        queries: What devices told in the queries of offers.
        cut_after: After how many bytes the next answer breaks off, by digest.
        flips: At which place the next answers have a wrong byte, by digest; taken from the end.
        status: Refusals by digest.
        silent: Whether nothing is answered.
        trickles: Whether bytes come slowly.
        ignores_ranges: Whether everything is sent again.
        tells_length: Whether answers say how long they are.
        port: Of the server.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    offers: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    cut_after: dict[str, int] = field(default_factory=dict)
    flips: dict[str, list[int]] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    silent: threading.Event = field(default_factory=threading.Event)
    trickles: bool = False
    ignores_ranges: bool = False
    tells_length: bool = True
    port: int = 0

    def put(self, package: Package) -> None:
        """Serve a package as whole files."""
        self.blobs[package.digest] = package.manifest_bytes
        for artifact in package.manifest.artifacts:
            self.blobs[artifact.digest] = package.files[artifact.path]

    def offer(
        self, new: Package, *, old: Package | None, compression: Compression, growing: bool = False
    ) -> Offer:
        """Serve deltas to a package, and offer them whoever asks; return the offer."""
        before = {} if old is None else {"": old.manifest_bytes, **old.files}
        files = []
        for path, data in {"": new.manifest_bytes, **new.files}.items():
            base = before.get(path, b"")
            delta = make_delta(base, data, compression=compression).to_bytes()
            self.blobs[digest_of(delta)] = delta
            way = Way(Parcel.of(delta), digest_of(base) if base else "")
            files.append(FileOffer(Parcel.of(data), (way,)))
        offer = Offer(tuple(files), is_growing=growing)
        self.offers[new.digest] = offer.to_bytes()
        return offer

    @property
    def url(self) -> str:
        """As it stands in a desired state."""
        return f":{self.port}/v1/blobs"

    @property
    def ranges(self) -> list[str]:
        """Ranges that were asked for."""
        return [asked for _, asked in self.asked]

    @property
    def digests(self) -> list[str]:
        """Files that were asked for."""
        return [digest for digest, _ in self.asked]


@contextmanager
def running(registry: HttpRegistry) -> Iterator[HttpRegistry]:
    """Serve on a free port."""
    handler = type("RegistryHandler", (_Handler,), {"registry": registry})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        registry.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield registry
        server.shutdown()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    registry: HttpRegistry

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        digest = path.removesuffix("/offer").rpartition("/")[2]
        is_offer = path.endswith("/offer")
        if is_offer:
            self.registry.queries.append(query)
        else:
            self.registry.asked.append((digest, self.headers.get("Range", "")))
        known = self.registry.offers if is_offer else self.registry.blobs
        name = f"{digest}/offer" if is_offer else digest
        if self.registry.silent.is_set():
            time.sleep(1.0)
            self.close_connection = True
        elif name in self.registry.status or digest not in known:
            self.send_error(self.registry.status.get(name, 404))
        else:
            self._answer(name, known[digest])

    def _answer(self, name: str, data: bytes) -> None:
        first, end, is_part = self._asked_for(len(data))
        if first >= len(data):
            self.send_error(416)
            return
        if places := self.registry.flips.get(name):
            wrong = bytearray(data)
            wrong[places.pop()] ^= 0x55
            data = bytes(wrong)
        self.send_response(206 if is_part else 200)
        if self.registry.tells_length:
            self.send_header("Content-Length", str(end - first))
        self.end_headers()
        self._send(data[first : min(self.registry.cut_after.pop(name, end), end)])

    def _asked_for(self, size_bytes: int) -> tuple[int, int, bool]:
        asked = self.headers.get("Range", "")
        if not asked or self.registry.ignores_ranges:
            return 0, size_bytes, False
        first, _, last = asked.removeprefix("bytes=").partition("-")
        return int(first), int(last) + 1 if last else size_bytes, True

    def _send(self, data: bytes) -> None:
        step = 100 if self.registry.trickles else max(len(data), 1)
        for begin in range(0, len(data), step):
            try:
                self.wfile.write(data[begin : begin + step])
            except OSError:
                return  # the other side has left
            time.sleep(0.02 if self.registry.trickles else 0.0)

    def log_message(self, *_: object) -> None:
        return
