"""Where the repository is, which files it has, and what a Python file imports."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["ROOT", "SHIPPED", "imported_modules", "python_files", "repository_files"]

ROOT = Path(__file__).resolve().parents[2]

SHIPPED = ("browser", "cloud_sync", "converters", "edge_agent", "edge_contract", "edgefleet")
"""The top-level packages of the wheel."""


def repository_files() -> list[Path]:
    """Every file that is, or would be, committed; links and deleted files left out."""
    # A checkout that belongs to another user, as in some containers, is only read here.
    git = ["git", "-c", "safe.directory=*"]
    command = [*git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = {ROOT / name for name in listing.split("\0") if name}
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


def python_files(*folders: str) -> list[Path]:
    """Every Python file of the repository below the given folders, which are relative to it."""
    roots = [ROOT / folder for folder in folders]
    return [
        path
        for path in repository_files()
        if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)
    ]


def imported_modules(source: str) -> Iterator[str]:
    """Absolute names of the modules that ``source`` imports anywhere, late imports included."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module
            case _:
                pass
