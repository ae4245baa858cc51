"""A cloud that browsers reach."""

from collections.abc import Sequence
from pathlib import Path

from cloud_sync.adapters.listening import free_port
from tests.integration.processes import CloudProcess

__all__ = ["Cloud"]


class Cloud(CloudProcess):
    """``edgefleet cloud run`` whose broker listens for WebSockets as well.

    Args:
        folder: For data and log.
        options: More words for the command line.
        websockets: Whether it does.
    """

    def __init__(
        self, folder: Path, options: Sequence[str] = (), *, websockets: bool = True
    ) -> None:
        self.websocket_port = free_port("127.0.0.1")
        self.websocket_url = f"ws://127.0.0.1:{self.websocket_port}/mqtt"
        listens = ["--websocket-port", str(self.websocket_port)] if websockets else []
        super().__init__(folder, options=[*listens, *options])
