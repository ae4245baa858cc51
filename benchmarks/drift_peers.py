"""The libraries that drift statistics are measured beside, each in an environment of its own."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.peers import PeerProcess, python_of
from edge_contract.errors import UnavailableError

__all__ = ["KLL", "WHYLOGS", "Peers", "open_peers"]

WHYLOGS: Final = "whylogs"
KLL: Final = "datasketches KLL"

_REQUIREMENTS: Final = {
    WHYLOGS: ("whylogs==1.6.4", "pandas"),
    KLL: ("datasketches==5.2.0", "numpy"),
}
_PROGRAMS: Final = {WHYLOGS: "whylogs_drift.py", KLL: "datasketches_drift.py"}
_FOLDERS: Final = {WHYLOGS: "whylogs", KLL: "datasketches"}


class Peers(NamedTuple):
    """Peers that run.

    Attributes:
        running: By name.
        missing: Why the others do not, by name.
    """

    running: Mapping[str, PeerProcess]
    missing: Mapping[str, str]

    def name(self, peer: str) -> str:
        """Return what a table says of a peer: its version, or why it was not measured."""
        if peer in self.missing:
            return f"{peer} {self.missing[peer]}"
        return _REQUIREMENTS[peer][0].replace("==", " ")


@contextlib.contextmanager
def open_peers(rows: Path, *, install: bool) -> Iterator[Peers]:
    """Start every peer that can be had; their programs read ``rows``, an ``.npy`` file."""
    running: dict[str, PeerProcess] = {}
    missing: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for peer, requirements in _REQUIREMENTS.items():
            try:
                python = python_of(_FOLDERS[peer], requirements, install=install)
            except UnavailableError as error:
                missing[peer] = str(error)
                continue
            process = PeerProcess(python, _PROGRAMS[peer], str(rows))
            running[peer] = stack.enter_context(process)
        yield Peers(running, missing)
