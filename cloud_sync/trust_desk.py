"""The desk where signed metadata is fetched and renewed."""

from datetime import UTC, datetime

from cloud_sync.trust.online import OnlineRoles

__all__ = ["TrustDesk"]


class TrustDesk:
    """Implements :class:`cloud_sync.api.settings.SignedMetadata`.

    Args:
        online: Keys of the cloud, and the metadata.
    """

    def __init__(self, online: OnlineRoles) -> None:
        self._online = online

    def file(self, name: str) -> bytes | None:
        """Return a file; whoever asks for the timestamp gets one that is still good for long."""
        if name == "timestamp.json":
            self._online.refresh(now=datetime.now(UTC))
        return self._online.metadata.file(name)

    def accept(self, role: str, data: bytes) -> int:
        """Take over the next version of a role, and return its number."""
        return self._online.accept(role, data, now=datetime.now(UTC))
