"""The status file: what an agent does now, for people and for ``edgefleet agent status``."""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Final

from edge_contract.messages import Report
from edge_contract.records import as_plain

__all__ = ["STATUS_NAME", "StatusFile"]

STATUS_NAME: Final = "status.json"


class StatusFile:
    """Is written anew with every report.

    Args:
        folder: The agent's state folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATUS_NAME
        self._closed = False

    def write(self, report: Report) -> None:
        """Write down a report, who wrote it and when."""
        told = as_plain(report)
        status = {"written_unix_s": time.time(), "pid": os.getpid(), "closed": self._closed}
        if isinstance(told, dict):
            status |= told
        new = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk must not stop the agent
            new.write_text(json.dumps(status))
            new.replace(self._path)

    def close(self) -> None:
        """Say in what is written from now on that the agent has left."""
        self._closed = True
