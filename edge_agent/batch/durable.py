"""Files that survive loss of power, and where they lie until they are complete."""

import json
import os
from pathlib import Path

from edge_contract.reading import JsonObject

__all__ = [
    "NothingToContinueError",
    "beside",
    "replace_durably",
    "sync_folder",
    "write_json_durably",
]


class NothingToContinueError(Exception):
    """What an earlier run left is not whole; a new one begins from the start."""


def beside(target: Path, ending: str) -> Path:
    """Return the hidden neighbour of a file: ``.answers.csv.part``."""
    return target.with_name(f".{target.name}.{ending}")


def replace_durably(new: Path, target: Path) -> None:
    """Move a file that is on the disk to another place, so that the move is on it too."""
    new.replace(target)
    sync_folder(target.parent)


def write_json_durably(path: Path, value: JsonObject) -> None:
    """Write a small file wholly or not at all."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    replace_durably(new, path)


def sync_folder(folder: Path) -> None:
    """Bring new names in a folder to the disk, where the system can do that."""
    if os.name != "posix":  # other systems cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
