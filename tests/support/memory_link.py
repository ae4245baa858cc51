"""A link to no broker: everything that is published is noted."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cloud_sync.ports import FleetLinkHandler

__all__ = ["MemoryFleetLink"]


@dataclass
class MemoryFleetLink:
    """Notes topic, payload and whether it is retained; the test tells the handler what comes."""

    published: list[tuple[str, bytes, bool]] = field(default_factory=list)
    handler: FleetLinkHandler | None = None
    heard: tuple[str, ...] = ()

    def start(self, handler: FleetLinkHandler) -> None:
        self.handler = handler
        handler.on_connected()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> bool:
        self.published.append((topic, payload, retain))
        return True

    def hear(self, filters: Iterable[str]) -> None:
        self.heard = tuple(filters)

    def close(self) -> None:
        self.handler = None
