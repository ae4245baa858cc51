"""A mirror of TUF metadata on loopback, which lies as a test asks for."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Mirror", "running"]

_BLOCK = b" " * 65_536


@dataclass
class Mirror:
    """What is served.

    Attributes:
        folder: Of the repository; what is asked for is found by the last part of its path.
        lies: Other content of a file than the repository's, by name.
        endless: Names of files that never end.
        trickles: Names of files that come a byte a tenth of a second.
        sent_bytes: What was sent of endless files.
        port: Of the server.
    """

    folder: Path
    lies: dict[str, bytes] = field(default_factory=dict)
    endless: set[str] = field(default_factory=set)
    trickles: set[str] = field(default_factory=set)
    sent_bytes: int = 0
    port: int = 0
    leaving: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/trust"

    def frozen(self) -> None:
        """From now on show what is there now, whatever is signed later."""
        self.lies |= {path.name: path.read_bytes() for path in self.folder.iterdir()}


@contextmanager
def running(mirror: Mirror) -> Iterator[Mirror]:
    """Serve it on a free port until the end of the block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            path = mirror.folder / name
            is_there = name in mirror.lies or path.is_file()
            self.send_response(200 if is_there else 404)
            self.send_header("Access-Control-Allow-Origin", "*")  # pages of other sites ask, too
            self.end_headers()
            if not is_there:
                return
            data = mirror.lies[name] if name in mirror.lies else path.read_bytes()
            try:
                if name in mirror.endless:
                    while not mirror.leaving.is_set():
                        mirror.sent_bytes += self.wfile.write(_BLOCK)
                elif name in mirror.trickles:
                    for byte in data:
                        self.wfile.write(bytes([byte]))
                        if mirror.leaving.wait(0.1):
                            return
                else:
                    self.wfile.write(data)
            except OSError:
                self.close_connection = True  # it had enough

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mirror.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.leaving.set()
        server.shutdown()
        server.server_close()
        thread.join()
