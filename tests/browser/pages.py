"""A bundle on loopback, for tests."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from browser.serving import bundle_server

__all__ = ["PageServer"]


class PageServer:
    """Serves a bundle while the ``with`` block runs."""

    def __init__(self, folder: Path) -> None:
        self._server = bundle_server(folder)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
