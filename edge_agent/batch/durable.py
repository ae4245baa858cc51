"""Files that survive loss of power, and where they lie until they are complete."""

import json
from pathlib import Path

from edge_agent.adapters.durable_files import sync_folder, write_durably
from edge_contract.reading import JsonObject

__all__ = [
    "NothingToContinueError",
    "beside",
    "replace_durably",
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
    write_durably(new, json.dumps(value).encode())
    replace_durably(new, path)
