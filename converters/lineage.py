"""Where a model comes from: the commit of the working directory, the rows, the settings."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from edge_contract.reading import JsonObject

__all__ = ["git_state"]

_GIT_TIMEOUT_S: Final = 10.0


def git_state(folder: Path) -> JsonObject:
    """Return the commit that a folder is at and whether tracked files were changed since.

    Empty if the folder is in no git repository, the repository has no commit, or git is missing.
    """
    git = shutil.which("git")
    if git is None:
        return {}
    commit = _answer(git, folder, "rev-parse", "HEAD")
    changes = _answer(git, folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return {}
    return {"commit": commit, "dirty": bool(changes)}


def _answer(git: str, folder: Path, *arguments: str) -> str | None:
    try:
        finished = subprocess.run(
            [git, "-C", str(folder), *arguments],
            capture_output=True,
            check=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):  # no repository here: that is no error
        return None
    return finished.stdout.strip()
