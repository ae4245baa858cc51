"""The assembly: everything that an agent keeps on its device, taken up and let go together."""

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.recorder import Recorder
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.config import made, ring_folder
from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.left_rings import claim_rings, sweep_rings
from edge_agent.status import StatusFile

__all__ = ["Assembly"]


class Assembly:
    """Store, packages and rings of one life, and the core that decides over them.

    Args:
        config: Who the agent is.
        folder: For what must survive a restart; ``None`` for one that is removed at the end.

    Raises:
        UsageError: Another agent uses the folder, or it belongs to another model.
        UnavailableError: It cannot be written.
    """

    def __init__(self, config: AgentConfig, folder: Path | None) -> None:
        with contextlib.ExitStack() as undo:
            self.folder = _temporary(undo) if folder is None else made(folder)
            # The store comes first: it keeps other processes away from all the rest.
            self.store = SqliteBatchStore(self.folder / "agent.db")
            undo.callback(self.store.close)
            boot = self.store.next_boot(time.time())
            self.core = AgentCore(
                config, boot, state=self.store.state(), restored=self.store.batches()
            )
            rings = made(ring_folder(self.folder))
            claim_rings(rings, self.folder)
            sweep_rings(rings)
            self.packages = FolderPackages(made(self.folder / "packages"))
            self.recorder = Recorder(
                rings,
                self.store.marks(),
                owner=self.store.identity(),
                spare=made(self.folder / "rings"),
            )
            undo.callback(self.recorder.close)
            self.status = StatusFile(self.folder)
            self._know_stored_packages()
            self._release = undo.pop_all()

    def close(self) -> None:
        """Let go of everything."""
        self._release.close()

    def _know_stored_packages(self) -> None:
        """Take up rings that an earlier life left, whichever package they belong to."""
        digests = self.packages.digests()
        for digest in digests:
            found = self.packages.description(digest)
            if found is not None:
                self.recorder.knows(digest, *found)
                self.core.knows(digest, *found)
        self.recorder.forget_others(digests)
        self.store.forget_marks(self.recorder.stale_marks())


def _temporary(undo: contextlib.ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="edgefleet-agent-"))
    undo.callback(shutil.rmtree, ring_folder(folder), ignore_errors=True)
    undo.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder
