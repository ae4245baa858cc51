"""Models in the form that the runtime loads with the least memory, kept beside the packages.

Of a forest as ONNX the runtime keeps all numbers three times while it serves, and freeing them
stops every other thread for longer than a hundred predictions take. In the runtime's own form they
are there once. Bringing a model into that form takes what loading it takes, and is done once for
each model and runtime, in a process of its own.
"""

import contextlib
import json
import os
import platform
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from edge_agent.adapters.own_process import own_environment
from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_agent.adapters.stored_files import file_digest

if TYPE_CHECKING:
    import subprocess

__all__ = ["LEAST_BYTES", "CompiledModels", "is_worth_compiling"]

_KEPT: Final = 3
LEAST_BYTES: Final = 1_000_000
"""Smaller models are not compiled."""
_LOOKED_AT: Final = 65_536
_PATIENCE_S: Final = 60.0
_SETTLED_S: Final = 2.0
_S_PER_BYTE: Final = 1e-6
_SUFFIX: Final = ".ort"


def is_worth_compiling(model: bytes) -> bool:
    """Return whether an ONNX file is a forest of some size: what else there is gains nothing."""
    if len(model) < LEAST_BYTES:
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
            found = file_digest(place)
        except (OSError, ValueError):
            return None
        return place if noted == found else None

    def compile(self, digest: str, model: bytes) -> Path | None:
        """Compile a model, which takes seconds, and return its file.

        Returns:
            ``None`` if that fails, or if looking at the model says that it may do harm.
        """
        waiting = self._waiting(digest, model)
        return None if waiting is None else self._compile_waiting(digest, waiting)

    def compile_later(self, digest: str, model: bytes) -> None:
        """Compile a model for the next start when this one has settled, if there will be one.

        It waits in a file: a device has more room there.
        """
        waiting = self._waiting(digest, model) if self._outlives_us else None
        if waiting is None:
            return
        threading.Thread(
            target=self._compile_later,
            args=(digest, waiting),
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

    def _waiting(self, digest: str, model: bytes) -> Path | None:
        """Write a model into a file: through a pipe it would go by small parts."""
        waiting = self._place(digest).with_suffix(f".{os.getpid()}.onnx")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            waiting.write_bytes(model)
        except OSError:
            with contextlib.suppress(OSError):
                waiting.unlink(missing_ok=True)
            return None
        return waiting

    def _compile_later(self, digest: str, waiting: Path) -> None:
        self._leaving.wait(_SETTLED_S)
        self._compile_waiting(digest, waiting)

    def _compile_waiting(self, digest: str, waiting: Path) -> Path | None:
        try:
            with waiting.open("rb") as model:
                return self._compile(
                    digest, model, _PATIENCE_S + _S_PER_BYTE * waiting.stat().st_size
                )
        except OSError:
            return None
        finally:
            with contextlib.suppress(OSError):  # nobody can do anything about it
                waiting.unlink(missing_ok=True)

    def _compile(self, digest: str, model: BinaryIO, limit_s: float) -> Path | None:
        place = self._place(digest)
        new = place.with_suffix(f".{os.getpid()}.new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._run(new, model, limit_s):
                return None
            with new.open("rb") as file:
                os.fsync(file.fileno())
            found = file_digest(new)
            place.with_suffix(".json").write_text(json.dumps(found))
            new.replace(place)
            self._forget_others(place)
        except (OSError, TimeoutError):
            return None
        finally:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
        return place

    def _run(self, new: Path, model: BinaryIO, limit_s: float) -> bool:
        import subprocess  # most devices never compile

        with self._lock:
            if self._leaving.is_set():
                return False
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent.compiling", str(new)],
                stdin=model,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=own_environment(),
                start_new_session=True,  # Ctrl-C is for the agent
            )
        with process:
            try:
                process.wait(limit_s)
            except subprocess.TimeoutExpired as error:
                raise TimeoutError(str(error)) from error
            finally:
                process.kill()
                self._process = None
        return process.returncode == 0

    def _forget_others(self, place: Path) -> None:
        others = [path for path in self._folder.glob(f"*{_SUFFIX}") if path != place]
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        leftovers = [path for path in self._folder.glob("*.onnx") if _is_old(path)]
        for path in leftovers:
            path.unlink(missing_ok=True)
        for path in others[_KEPT - 1 :]:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)

    def _place(self, digest: str) -> Path:
        version = f"{onnxruntime.__version__}-{platform.machine()}".replace(".", "_")
        return self._folder / f"{digest.removeprefix('sha256:')}-{version}{_SUFFIX}"


def _is_old(path: Path) -> bool:
    """Return whether nobody can still be about to compile a file."""
    return path.stat().st_mtime < time.time() - 3600.0
