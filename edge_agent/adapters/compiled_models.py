"""Models in the form that the runtime loads with the least memory, kept beside the packages.

Of a forest as ONNX the runtime keeps all numbers three times while it serves, and freeing them
stops every other thread for longer than a hundred predictions take. In the runtime's own form they
are there once. Bringing a model into that form takes what loading it takes, and is done once for
each model and runtime, in a process of its own.
"""

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from edge_agent.adapters.silent_onnxruntime import onnxruntime

__all__ = ["CompiledModels", "is_worth_compiling"]

_ROOT: Final = Path(__file__).parents[2]
_KEPT: Final = 3
_LEAST_BYTES: Final = 1_000_000
_LOOKED_AT: Final = 65_536
_PATIENCE_S: Final = 60.0
_SETTLED_S: Final = 2.0
_S_PER_BYTE: Final = 1e-6
_SUFFIX: Final = ".ort"


def is_worth_compiling(model: bytes) -> bool:
    """Return whether an ONNX file is a forest of some size: what else there is gains nothing."""
    if len(model) < _LEAST_BYTES:
        return False
    ends = model[:_LOOKED_AT] + model[-_LOOKED_AT:]
    return b"TreeEnsemble" in ends


class CompiledModels:
    """A folder of compiled models. What it lacks, or holds damaged, is made anew.

    Args:
        folder: Only this user may write it; made when the first model is compiled.
        outlives_us: Whether a later start will find it.
    """

    def __init__(self, folder: Path, *, outlives_us: bool) -> None:
        self._folder = folder
        self._outlives_us = outlives_us
        self._leaving = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def path(self, digest: str) -> Path | None:
        """Return the file of a model that is here and undamaged."""
        place = self._place(digest)
        try:
            noted = json.loads(place.with_suffix(".json").read_text())
            with place.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError):
            return None
        return place if noted == found else None

    def compile(self, digest: str, model: bytes) -> Path | None:
        """Compile a model, which takes seconds, and return its file; ``None`` if that fails."""
        place = self._place(digest)
        new = place.with_suffix(f".{os.getpid()}.new")
        limit_s = _PATIENCE_S + _S_PER_BYTE * len(model)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._run(new, model, limit_s):
                return None
            with new.open("rb") as file:
                os.fsync(file.fileno())
                found = hashlib.file_digest(file, "sha256").hexdigest()
            place.with_suffix(".json").write_text(json.dumps(found))
            new.replace(place)
            self._forget_others(place)
        except (OSError, subprocess.SubprocessError):
            return None
        finally:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
        return place

    def compile_later(self, digest: str, model: bytes) -> None:
        """Compile a model for the next start when this one has settled, if there will be one."""
        if self._outlives_us:
            threading.Thread(
                target=self._compile_later,
                args=(digest, model),
                name="edgefleet-compiling",
                daemon=True,
            ).start()

    def forget(self, digest: str) -> None:
        """Remove a model that is of no use."""
        with contextlib.suppress(OSError):
            self._place(digest).unlink(missing_ok=True)

    def close(self) -> None:
        """Break off what is being compiled, and compile no more."""
        with self._lock:
            self._leaving.set()
            process = self._process
        if process is not None:
            process.kill()

    def _compile_later(self, digest: str, model: bytes) -> None:
        if not self._leaving.wait(_SETTLED_S):
            self.compile(digest, model)

    def _run(self, new: Path, model: bytes, limit_s: float) -> bool:
        with self._lock:
            if self._leaving.is_set():
                return False
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent.compiling", str(new)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the agent
            )
        with process:
            try:
                process.communicate(model, timeout=limit_s)
            finally:
                process.kill()
                self._process = None
        return process.returncode == 0

    def _forget_others(self, place: Path) -> None:
        others = [path for path in self._folder.glob(f"*{_SUFFIX}") if path != place]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[_KEPT - 1 :]:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)

    def _place(self, digest: str) -> Path:
        version = f"{onnxruntime.__version__}-{platform.machine()}".replace(".", "_")
        return self._folder / f"{digest.removeprefix('sha256:')}-{version}{_SUFFIX}"


def _environment() -> dict[str, str]:
    """Return ours, and have the process find this very code."""
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, (str(_ROOT), before)))
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
