"""What a bundle is made of and with, fetched once and pinned by digests: npm's and pip's."""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_contract.errors import UnavailableError

__all__ = ["NODE_MODULES", "cache_folder", "npm_packages", "package_folders", "python_packages"]

_HERE: Final = Path(__file__).parent
NODE_MODULES: Final = _HERE / "node_modules"
_NPM_FILES: Final = ("package.json", "package-lock.json", ".npmrc")
_REQUIREMENTS: Final = _HERE / "python-requirements.txt"
_PIP: Final = (
    *("-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
    # Wheels for the browser's Python, whichever this one is.
    *("--ignore-requires-python", "--only-binary=:all:", "--no-deps", "--require-hashes"),
)
_MOST_S: Final = 600.0


def cache_folder() -> Path:
    """Return where fetched and compiled things are kept; it may be deleted at any time.

    In a checkout that is the checkout itself.
    """
    if (_HERE.parent / "pyproject.toml").is_file():
        return _HERE.parent / "build" / "browser"
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "edgefleet" / "browser"


def npm_packages() -> Path:
    """Return a folder ``node_modules`` as the lock file has it, fetched by ``npm ci`` if need be.

    Raises:
        UnavailableError: npm is missing, or failed.
    """
    if (NODE_MODULES / "pyodide").is_dir():
        return NODE_MODULES
    texts = [(_HERE / name).read_bytes() for name in _NPM_FILES]
    target = cache_folder() / f"npm-{_digest(*texts)}"
    if not target.is_dir():
        if shutil.which("npm") is None:
            raise UnavailableError(
                "npm is missing, which fetches what pages are made of: install Node.js 20 or later"
            )
        with _made(target) as folder:
            for name, text in zip(_NPM_FILES, texts, strict=True):
                (folder / name).write_bytes(text)
            _run(["npm", "ci", "--omit=dev", "--ignore-scripts"], folder, "npm ci")
    return target / "node_modules"


def python_packages() -> Path:
    """Return a folder with what compiles the browser's Python, and what verifies updates there.

    Raises:
        UnavailableError: pip is missing, or failed.
    """
    target = cache_folder() / f"python-{_digest(_REQUIREMENTS.read_bytes())}"
    if not target.is_dir():
        with _made(target) as folder:
            words = ["--target", str(folder), "--requirement", str(_REQUIREMENTS)]
            _run([sys.executable, *_PIP, *words], folder, "pip install")
    return target


def package_folders(*names: str) -> list[Path]:
    """Return the folders of packages: those installed here if they are the pinned versions.

    Raises:
        UnavailableError: pip is missing, or failed.
    """
    return [_installed(name) or python_packages() / name for name in names]


def _installed(name: str) -> Path | None:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    spec = importlib.util.find_spec(name)
    is_pinned = f"{name}=={version} " in _REQUIREMENTS.read_text()
    if not is_pinned or spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


class _made:  # noqa: N801  used like a function
    """A folder that is there whole, or not at all."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __enter__(self) -> Path:
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(dir=self._target.parent))
        except OSError as error:
            raise UnavailableError(
                f"cannot write {str(self._target.parent)!r}: {error.strerror}"
            ) from error
        return self._folder

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        try:
            if kind is None:
                self._folder.rename(self._target)
        except OSError:
            if not self._target.is_dir():  # else another process was quicker
                raise
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _run(command: Sequence[str], folder: Path, name: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_MOST_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{name} failed: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UnavailableError(f"{name} failed: {said[-1] if said else done.returncode}")


def _digest(*texts: bytes) -> str:
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]
