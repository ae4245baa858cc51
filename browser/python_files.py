"""The Python of a bundle: the standard library and the agent's core, as they are or compiled."""

import hashlib
import io
import json
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

from browser.tools import cache_folder, package_folders, python_packages
from edge_contract.errors import UnavailableError

__all__ = ["PythonFiles", "compiled_python", "plain_python", "pruned_lock"]

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parent
_CORE: Final = (
    "browser/__init__.py",
    "browser/py",
    "edge_agent/__init__.py",
    "edge_agent/adapters/__init__.py",
    "edge_agent/adapters/compressions.py",
    "edge_agent/adapters/tuf_verifier.py",
    "edge_agent/adapters/zstd.py",
    "edge_agent/browser.py",
    "edge_agent/core",
    "edge_contract",
)
_VERIFIES: Final = ("securesystemslib", "tuf")
_IMPORTED: Final = (
    *("browser.py.bridge", "browser.py.smaller_ways"),
    *("edge_agent.adapters.zstd", "edge_agent.browser"),
)
_NODE: Final = _HERE / "node"
_LONGEST_S: Final = 300.0


class PythonFiles(NamedTuple):
    """Two archives of modules.

    Attributes:
        stdlib: The standard library.
        core: The agent's core, and what it needs of other people's packages.
    """

    stdlib: bytes
    core: bytes


def plain_python(npm: Path, *, verifies: bool = False) -> PythonFiles:
    """Return the archives as sources, the same bytes for the same files.

    Args:
        npm: The folder ``node_modules``.
        verifies: Whether the tab verifies signed updates, which needs python-tuf.
    """
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, _ROOT, _CORE)
        if verifies:
            for folder in package_folders(*_VERIFIES):
                _add(archive, folder.parent, (folder.name,))
    return PythonFiles((npm / "pyodide" / "python_stdlib.zip").read_bytes(), data.getvalue())


def compiled_python(npm: Path, *, verifies: bool = False) -> PythonFiles:
    """Return the archives pruned and compiled by pyodide-build, in the browser's own Python.

    Needs node, and pip for a first time; what it made once for the same files it takes again.

    Raises:
        UnavailableError: Something of that is missing or failed.
    """
    plain = plain_python(npm, verifies=verifies)
    scripts = [path.read_bytes() for path in sorted(_NODE.iterdir()) if path.is_file()]
    name = hashlib.sha256(b"\0".join([*plain, *scripts])).hexdigest()[:16]
    kept = cache_folder() / f"compiled-{name}"
    if not kept.is_dir():
        _compile(plain, npm, kept, verifies=verifies)
    return PythonFiles((kept / "python_stdlib.zip").read_bytes(), (kept / "core.zip").read_bytes())


def pruned_lock(npm: Path) -> bytes:
    """Return ``pyodide-lock.json`` without the packages that are not there."""
    lock = json.loads((npm / "pyodide" / "pyodide-lock.json").read_text())
    return json.dumps({**lock, "packages": {}}, separators=(",", ":")).encode()


def _compile(plain: PythonFiles, npm: Path, kept: Path, *, verifies: bool) -> None:
    node = shutil.which("node")
    if node is None:
        raise UnavailableError("node is missing, which compiles the page's Python: install Node.js")
    packages = python_packages()
    roots = [*_IMPORTED, *(("browser.py.verifying",) if verifies else ())]
    with tempfile.TemporaryDirectory(dir=packages.parent) as folder:
        work = Path(folder) / "work"
        work.mkdir()
        (work / "python_stdlib.zip").write_bytes(plain.stdlib)
        (work / "core.zip").write_bytes(plain.core)
        (work / "roots.json").write_text(json.dumps(roots))
        words = [_NODE / "run_python.mjs", npm, packages, work, _NODE / "compiling.py"]
        try:
            done = subprocess.run(
                [node, *map(str, words)],
                capture_output=True,
                text=True,
                check=False,
                timeout=_LONGEST_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"cannot compile the page's Python: {error}") from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise UnavailableError(f"cannot compile the page's Python: {said[-1] if said else ''}")
        shutil.rmtree(kept, ignore_errors=True)
        work.rename(kept)


def _add(archive: zipfile.ZipFile, root: Path, parts: tuple[str, ...]) -> None:
    for part in parts:
        path = root / part
        for source in [path] if path.is_file() else sorted(path.rglob("*.py")):
            info = zipfile.ZipInfo(source.relative_to(root).as_posix())
            archive.writestr(info, source.read_bytes(), zipfile.ZIP_DEFLATED)
