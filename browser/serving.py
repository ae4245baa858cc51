"""Serves a bundle from a folder, with the headers that make a page isolated."""

import json
import socket
import sys
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Final

from browser.compressing import form_of
from edge_contract.errors import UnavailableError, UsageError

__all__ = ["bundle_server"]

_IDLE_S: Final = 30.0
"""Connections that ask for nothing are closed."""


def bundle_server(folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a bundle that listens; ``serve_forever`` runs it.

    Args:
        folder: What :func:`browser.bundle.build_bundle` wrote.
        host: Where to listen.
        port: 0 for any that is free.

    Raises:
        UsageError: ``folder`` holds no bundle.
        UnavailableError: The port is taken.
    """
    if not (folder / "bundle.json").is_file():
        raise UsageError(
            f"folder {str(folder)!r} holds no bundle: make one with "
            "`edgefleet browser build --out DIR`"
        )
    try:
        headers: dict[str, str] = json.loads((folder / "bundle.json").read_text())["headers"]
        return _Server((host, port), partial(_Handler, headers, directory=str(folder)))
    except OSError as error:
        raise UnavailableError(f"cannot listen on {host}:{port}: {error.strerror}") from error


class _Server(ThreadingHTTPServer):
    """Keeps connections open: a page is many small files."""

    def __init__(self, *arguments: Any) -> None:  # noqa: ANN401  of the base class
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  of the base class
        """Serve one connection; it is one of those that end with the server."""
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def server_close(self) -> None:
        """Stop, for those too that are connected."""
        super().server_close()
        for connection in list(self._open):
            with suppress(OSError):  # it has ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell of defects; that a page was left while it loaded is none."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE_S

    extensions_map = {  # noqa: RUF012  as the base class has it
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def __init__(self, headers: dict[str, str], *arguments: Any, directory: str) -> None:  # noqa: ANN401  of the base class
        self._own_headers = headers
        super().__init__(*arguments, directory=directory)

    def send_head(self) -> "BinaryIO | None":
        """Send a compressed form of a file where there is one that the browser takes."""
        path = Path(self.translate_path(self.path))
        asked = self.headers.get("Accept-Encoding", "")
        for form in form_of(path, asked):
            data = path.with_name(f"{path.name}.{form.suffix}")
            found = data.stat()
            tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}-{form.suffix}"'
            is_known = self.headers.get("If-None-Match", "") == tag
            self.send_response(304 if is_known else 200)
            self.send_header("ETag", tag)
            self.send_header("Vary", "Accept-Encoding")
            if not is_known:
                self.send_header("Content-Type", self.guess_type(str(path)))
                self.send_header("Content-Encoding", form.encoding)
                self.send_header("Content-Length", str(found.st_size))
            self.end_headers()
            return None if is_known else data.open("rb")
        return super().send_head()

    def end_headers(self) -> None:
        """Add the headers of every answer."""
        for name, value in self._own_headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        """Say nothing."""
