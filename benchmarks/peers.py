"""Peers that are measured in an environment of their own, because their dependencies clash.

Their programs lie in ``benchmarks/peer_programs`` and know nothing of this project: each reads a
JSON object per line and answers with one, so that peers can be measured in turns with ours.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edge_contract.errors import UnavailableError

__all__ = ["ENVIRONMENTS", "PeerProcess", "python_of"]

ENVIRONMENTS: Final = Path(__file__).parent / ".venvs"
_PROGRAMS: Final = Path(__file__).parent / "peer_programs"
_INSTALL_S: Final = 900.0
_READY: Final = "installed.txt"


def python_of(name: str, requirements: Sequence[str], *, install: bool) -> Path:
    """Return the interpreter of a peer's environment, made through pip at first use.

    Args:
        name: Of its folder.
        requirements: What pip installs.
        install: Whether it may be made; quick runs take only what an earlier run left.

    Raises:
        UnavailableError: It cannot be had; the message says why.
    """
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    wanted = "\n".join(requirements)
    ready = folder / _READY
    if ready.is_file() and ready.read_text() == wanted:
        return python
    if not install:
        raise UnavailableError("not installed; a run without --quick does that")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--prefer-binary", *requirements],
    ):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)
        except subprocess.CalledProcessError as error:
            lines = str(error.stderr).strip().splitlines() or [str(error)]
            raise UnavailableError(f"did not install: {lines[-1]}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError(f"did not install: {error}") from error
    ready.write_text(wanted)
    return python


class PeerProcess:
    """A peer's program, running, for use in a ``with`` block.

    Args:
        python: Of its environment.
        program: Name of a file in ``benchmarks/peer_programs``.
        arguments: For it.
    """

    def __init__(self, python: Path, program: str, *arguments: str) -> None:
        self._name = program
        self._process = subprocess.Popen(
            [str(python), str(_PROGRAMS / program), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **question: float | str) -> Mapping[str, float]:
        """Return the answer to one question.

        Raises:
            UnavailableError: The program ended; what it said stands on the terminal.
        """
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        if pipe_in is None or pipe_out is None:
            raise UnavailableError(f"peer {self._name!r} has no pipes")
        try:
            pipe_in.write(json.dumps(question) + "\n")
            pipe_in.flush()
        except BrokenPipeError as error:
            raise UnavailableError(f"peer {self._name!r} ended early") from error
        line = pipe_out.readline()
        if not line:
            raise UnavailableError(f"peer {self._name!r} ended early")
        answer: dict[str, float] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        """Return the process."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it end: it leaves when its input does."""
        try:
            self._process.communicate(timeout=10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
