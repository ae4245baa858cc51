"""Stands between a device and its broker, and counts what goes through: bytes and TCP segments."""

import contextlib
import selectors
import socket
import struct
import threading
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

__all__ = ["ByteMeter", "Traffic"]

_HEADERS_BYTES: Final = 20 + 32  # IPv4, and TCP with time stamps, in every segment
_SEGMENTS: Final = struct.Struct("=II")
_SEGMENTS_AT: Final = 136  # tcpi_segs_out and tcpi_segs_in of Linux
_INFO_BYTES: Final = 256
_AT_ONCE: Final = 65_536


class Traffic(NamedTuple):
    """What went through so far, both ways together.

    Attributes:
        payload_bytes: Of TCP: all of MQTT.
        segments: Of TCP on the device's side, acknowledgements included.
    """

    payload_bytes: int
    segments: int

    @property
    def wire_bytes(self) -> int:
        """With the headers of TCP and IP."""
        return self.payload_bytes + _HEADERS_BYTES * self.segments

    def since(self, before: "Traffic") -> "Traffic":
        """Return what was added."""
        return Traffic(self.payload_bytes - before.payload_bytes, self.segments - before.segments)


@dataclass(slots=True)
class _Pair:
    """One connection: the device's side and the broker's."""

    device: socket.socket
    broker: socket.socket


class ByteMeter:
    """A relay on a free port of this machine, for one device; use it as a context manager.

    Args:
        broker_url: Where it passes everything on to, ``mqtt://host:port``.
    """

    def __init__(self, broker_url: str) -> None:
        parts = urlsplit(broker_url)
        self._broker = (parts.hostname or "127.0.0.1", parts.port or 1883)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[_Pair] = []
        self._payload = 0
        self._ended_segments = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="byte-meter", daemon=True)

    def __enter__(self) -> "ByteMeter":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End all connections."""
        self._closing.set()
        self._thread.join()
        for pair in self._pairs:
            pair.device.close()
            pair.broker.close()
        self._listener.close()

    @property
    def traffic(self) -> Traffic:
        """What went through so far."""
        open_segments = sum(_segments_of(pair.device) for pair in self._pairs)
        return Traffic(self._payload, self._ended_segments + open_segments)

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._closing.is_set():
                for key, _ in selector.select(0.1):
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    else:
                        self._pass_on(selector, key)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        device, _ = self._listener.accept()
        pair = _Pair(device, socket.create_connection(self._broker))
        self._pairs.append(pair)
        selector.register(pair.device, selectors.EVENT_READ, (pair, pair.broker))
        selector.register(pair.broker, selectors.EVENT_READ, (pair, pair.device))

    def _pass_on(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        pair, other = key.data
        if pair not in self._pairs:
            return  # the other side ended it a moment ago
        source = pair.device if other is pair.broker else pair.broker
        data = b""
        with contextlib.suppress(OSError):  # a connection that was reset is over like any other
            data = source.recv(_AT_ONCE)
        if data:
            self._payload += len(data)
            other.sendall(data)
            return
        self._pairs.remove(pair)
        self._ended_segments += _segments_of(pair.device)
        for side in (pair.device, pair.broker):
            selector.unregister(side)
            side.close()


def _segments_of(connection: socket.socket) -> int:
    """Return the segments that a connection has sent and received, as Linux counts them."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    return sum(_SEGMENTS.unpack_from(info, _SEGMENTS_AT))
