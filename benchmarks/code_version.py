"""Which code was measured."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

__all__ = ["UNKNOWN", "code_version"]

UNKNOWN: Final = "unknown"
"""Code that no commit names: a copy without its history, or with changes of one's own."""

_ROOT: Final = Path(__file__).parent.parent
_CODE: Final = (".", ":!benchmarks/results", ":!docs", ":!*.md")


def code_version() -> str:
    """Return the last commit that changed code; commits of figures and of texts do not count.

    Returns:
        ``UNKNOWN`` if there are changes that are in no commit.
    """
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", *_CODE)
    commit = _git("log", "-1", "--format=%h", "--abbrev=10", "--", *_CODE)
    return commit if commit and changes == "" else UNKNOWN


def _git(*arguments: str) -> str | None:
    """Return what git says; ``None`` where there is no git, or no repository."""
    program = shutil.which("git")
    if program is None:
        return None
    done = subprocess.run(
        [program, *arguments], cwd=_ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
