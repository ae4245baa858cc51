"""The last batch of telemetry that left this device, for people who want to know what leaves."""

import contextlib
from pathlib import Path
from typing import Final

__all__ = ["LAST_BATCH", "LastBatch"]

LAST_BATCH: Final = "last-batch.bin"


class LastBatch:
    """Is written anew with every batch that is handed to the link.

    Args:
        folder: The agent's state folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LAST_BATCH

    def note(self, payload: bytes) -> None:
        """Keep what leaves, exactly as it does."""
        new = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk must not stop the agent
            new.write_bytes(payload)
            new.replace(self._path)
