"""Has a package tried in a process of its own before it is loaded here."""

import signal
import subprocess
import sys
from typing import Final, NoReturn

from edge_agent.adapters.own_process import own_environment
from edge_agent.trial import REFUSED
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import Package

__all__ = ["CannotTryError", "TrialProcess"]

_MIB: Final = 2**20
_RUNTIME_BYTES: Final = 1_024 * _MIB
"""Addresses, most of them never touched, that Python, numpy and onnxruntime take."""
_PER_MODEL: Final = 12
"""How many times its file a model may take while it is loaded and run."""
_CPU_S: Final = 10.0
_CPU_S_PER_BYTE: Final = 1.0 / (5 * _MIB)
_PATIENCE: Final = 6
"""How much longer than its processor time a trial may take on a busy device."""


class CannotTryError(UnavailableError):
    """A package cannot be tried on this device, now or ever; that says nothing about it."""


class TrialProcess:
    """Tries packages one at a time.

    Args:
        memory_bytes: What a trial may take; by default what a model of its size should need.
        cpu_s: Processor time that it may take.
    """

    def __init__(self, *, memory_bytes: int | None = None, cpu_s: int | None = None) -> None:
        self._memory_bytes = memory_bytes
        self._cpu_s = cpu_s
        self._process: subprocess.Popen[bytes] | None = None

    def require_harmless(self, package: Package) -> None:
        """Return if all models of a package load, and the exact one passes its golden vectors.

        Raises:
            PackageError: It does not, or takes more time or memory than it may, or crashes.
            CannotTryError: It cannot be tried here.
            UnavailableError: The trial was ended from outside: by :meth:`close`, or by a system
                that has no memory left.
        """
        size = sum(model.size for model in package.manifest.models)
        memory_bytes = self._memory_bytes or _RUNTIME_BYTES + _PER_MODEL * size
        cpu_s = self._cpu_s or round(_CPU_S + size * _CPU_S_PER_BYTE)
        name = package.manifest.reference
        try:
            code, said = self._run(package.to_archive(), memory_bytes=memory_bytes, cpu_s=cpu_s)
        except OSError as error:
            raise CannotTryError(f"{name} cannot be tried: {error}") from error
        except subprocess.TimeoutExpired:
            raise PackageError(
                f"model of {name} was tried and did not end within {cpu_s * _PATIENCE} s"
            ) from None
        if code == REFUSED:
            raise PackageError(said)
        if code < 0:
            _blame(name, signal.Signals(-code), cpu_s)
        if code:
            raise CannotTryError(f"{name} cannot be tried: {said or f'exit code {code}'}")

    def _run(self, archive: bytes, *, memory_bytes: int, cpu_s: int) -> tuple[int, str]:
        """Return how the process ended, and the last line that it wrote."""
        with subprocess.Popen(
            [sys.executable, "-m", "edge_agent.trial", str(memory_bytes), str(cpu_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=own_environment(),
            start_new_session=True,  # Ctrl-C is for the agent
        ) as process:
            self._process = process
            try:
                output, _ = process.communicate(archive, timeout=cpu_s * _PATIENCE)
            finally:
                process.kill()
                self._process = None
        lines = output.decode(errors="replace").strip().splitlines()
        return process.returncode, lines[-1] if lines else ""

    def close(self) -> None:
        """End a trial that is under way. Idempotent."""
        process = self._process
        if process is not None:
            process.kill()


def _blame(name: str, ended_by: signal.Signals, cpu_s: int) -> NoReturn:
    """Say why a trial was ended by a signal, which only POSIX systems do."""
    if ended_by.name == "SIGKILL":
        raise UnavailableError(
            f"the trial of {name} was ended from outside: the agent leaves, or memory is short"
        )
    if ended_by.name == "SIGXCPU":
        raise PackageError(
            f"model of {name} was tried and took more than {cpu_s} s of processor time"
        )
    raise PackageError(f"model of {name} was tried and crashed ({ended_by.name})")
