"""Who holds a state folder: one process at a time, and the others are told which one.

What keeps them away is the lock on the store's file, which ends with its process however that ends.
The note beside it only says whose lock it is.
"""

import contextlib
import json
import logging
import os
import platform
import sys
import time
from pathlib import Path
from typing import Final

from edge_agent.adapters.sqlite_store import DamagedStoreError, SqliteBatchStore
from edge_contract.errors import UsageError

__all__ = ["forget_holder", "is_gone", "opened_alone"]

_NOTE: Final = "holder.json"

_log = logging.getLogger("edgefleet.agent")


def opened_alone(folder: Path, *, outlives_us: bool = True) -> SqliteBatchStore:
    """Open the store of a state folder and note that this process holds it.

    One that is damaged is put aside, and said to be: predictions must not stop for it. A new one
    takes over what can be read.

    Args:
        folder: The state folder.
        outlives_us: Whether a later start will find it; if not, nothing waits for the disk.

    Raises:
        UsageError: Another process does; the message names it.
        UnavailableError: The folder cannot be written.
    """
    try:
        store = _sound(folder / "agent.db", is_durable=outlives_us)
    except UsageError as error:
        raise UsageError(f"{error}{_holder_of(folder)}") from error
    note = {
        "pid": os.getpid(),
        "host": platform.node(),
        "command": " ".join(sys.argv)[:200],
        "since_unix_s": time.time(),
    }
    with contextlib.suppress(OSError):  # a full disk; the lock holds all the same
        (folder / _NOTE).write_text(json.dumps(note))
    return store


def _sound(path: Path, *, is_durable: bool) -> SqliteBatchStore:
    """Return the store of a path, or a new one in place of a damaged one."""
    store: SqliteBatchStore | None = None
    is_new = not path.exists()
    try:
        store = SqliteBatchStore(path, is_durable=is_durable)
        if not is_new:
            store.require_sound()
    except DamagedStoreError as error:
        if store is not None:
            store.close()
        _log.error("%s", error)
    else:
        return store
    from edge_agent.adapters.damaged_store import put_aside, salvaged  # few starts need it

    kept = put_aside(path)
    found = salvaged(kept)
    fresh = SqliteBatchStore(path, is_durable=is_durable)
    fresh.take_over(found.batches, found.state)
    _log.error(
        "%d batches that wait for the cloud could be read%s; what is damaged is kept in %r",
        len(found.batches),
        "" if found.is_complete else ", and others could not: their rows are lost",
        str(kept),
    )
    return fresh


def forget_holder(folder: Path) -> None:
    """Remove the note; call it while the lock is still held."""
    with contextlib.suppress(OSError):  # the next holder writes its own
        (folder / _NOTE).unlink()


def is_gone(folder: Path) -> bool:
    """Return whether the process that held a state folder has ended without leaving it in order.

    False, too, where that cannot be known: for processes of another machine or container, and on
    Windows.
    """
    try:
        note = json.loads((folder / _NOTE).read_text())
        if sys.platform == "win32" or note["host"] != platform.node():
            return False
        os.kill(note["pid"], 0)  # only asks whether there is such a process
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False
    return False


def _holder_of(folder: Path) -> str:
    """Return what the note says, in words; nothing if it cannot be read."""
    try:
        note = json.loads((folder / _NOTE).read_text())
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(note["since_unix_s"]))
        host = "" if note["host"] == platform.node() else f" on {note['host']}"
        return f" (process {note['pid']}{host}, {note['command']!r}, since {since})"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return ""
