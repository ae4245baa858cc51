"""A cloud that browsers reach."""

from pathlib import Path

from cloud_sync.adapters.listening import free_port
from tests.integration.processes import CloudProcess

__all__ = ["Cloud"]


class Cloud(CloudProcess):
    """``edgefleet cloud run`` whose broker listens for WebSockets as well."""

    def __init__(self, folder: Path) -> None:
        self.websocket_port = free_port("127.0.0.1")
        self.websocket_url = f"ws://127.0.0.1:{self.websocket_port}/mqtt"
        super().__init__(folder, options=["--websocket-port", str(self.websocket_port)])
