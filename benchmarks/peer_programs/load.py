"""Loads a server: so many clients, each asking again as soon as it is answered.

Reads a JSON object per line: ``port`` or ``path`` of a socket, ``clients``, ``seconds``, and
``message``, a file whose bytes are sent. Answers with requests a second and latencies in
microseconds after a short run-up, all answers, and how many of them were no success.
"""

import asyncio
import json
import struct
import sys
import time
from collections.abc import Callable

import uvloop

_FRAME = struct.Struct("<IIII")
_OK = 200


def _length_of_http(data: bytes) -> tuple[int, bool] | None:
    """Return how long the first answer is and whether it is a success; nothing if cut off."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.index(b"content-length:") + 15
    stop = head.find(b"\r", at)
    length = end + 4 + int(head[at : stop if stop >= 0 else None])
    return (length, data[9:12] == b"200") if len(data) >= length else None


def _length_of_frame(data: bytes) -> tuple[int, bool] | None:
    """Return the same of a frame."""
    if len(data) < _FRAME.size:
        return None
    rest, _, status, _ = _FRAME.unpack_from(data)
    return (rest + 4, status == _OK) if len(data) >= rest + 4 else None


class _Client(asyncio.Protocol):
    """One connection."""

    def __init__(
        self, message: bytes, length_of: Callable[[bytes], tuple[int, bool] | None]
    ) -> None:
        self._message = message
        self._length_of = length_of
        self._data = b""
        self._sent_s = 0.0
        self.times_s: list[float] = []
        self.failed = 0
        self.is_over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        self._transport.write(self._message)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        found = self._length_of(self._data)
        if found is None:
            return
        length, is_good = found
        self._data = self._data[length:]
        self.times_s.append(time.perf_counter() - self._sent_s)
        self.failed += not is_good
        if self.is_over:
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.is_over:
            self.failed += 1


async def _load(question: dict[str, object]) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    with open(str(question["message"]), "rb") as file:  # noqa: ASYNC230, PTH123  before it begins
        message = file.read()
    path = question.get("path")
    length_of = _length_of_frame if path else _length_of_http
    clients: list[_Client] = []

    def make() -> _Client:
        clients.append(_Client(message, length_of))
        return clients[-1]

    for _ in range(int(str(question["clients"]))):
        if path:
            await loop.create_unix_connection(make, str(path))
        else:
            await loop.create_connection(make, "127.0.0.1", int(str(question["port"])))
    await asyncio.sleep(0.2)
    answers = sum(len(client.times_s) for client in clients)
    for client in clients:
        client.times_s.clear()
    began_s = time.perf_counter()
    await asyncio.sleep(float(str(question["seconds"])))
    took_s = time.perf_counter() - began_s
    for client in clients:
        client.is_over = True
    times_s = sorted(time_s for client in clients for time_s in client.times_s)
    await asyncio.sleep(0.1)
    answers += sum(len(client.times_s) for client in clients)
    if not times_s:
        return {"answers": 0.0, "a_second": 0.0, "p50_us": 0.0, "p99_us": 0.0, "failed": 1.0}
    return {
        "answers": float(answers),
        "a_second": len(times_s) / took_s,
        "p50_us": times_s[len(times_s) // 2] * 1e6,
        "p99_us": times_s[len(times_s) * 99 // 100] * 1e6,
        "failed": float(sum(client.failed for client in clients)),
    }


for _line in sys.stdin:
    print(json.dumps(uvloop.run(_load(json.loads(_line)))), flush=True)
