"""One process of a simulation: runs a crowd, and tells its parent how it goes."""

import logging
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from edgefleet.simulation.crowd import BrokerAccess, Crowd
from edgefleet.simulation.scenario import Scenario
from edgefleet.simulation.surroundings import Rows
from edgefleet.simulation.tally import Tally

__all__ = ["LEAVE", "Part", "Words", "work"]

LEAVE: Final = "leave"
"""What a parent says when devices shall send what they have, and leave."""

_TELL_S: Final = 0.5
_FAREWELL_S: Final = 3.0
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Part:
    """What one process is to do.

    Attributes:
        scenario: What happens.
        numbers: Which of its devices run here.
        access: How they reach the broker.
        prefix: What their names begin with.
        folder: For packages.
        began_unix_s: When the simulation begins.
        drain_s: How long devices may take in the end to have everything acknowledged.
    """

    scenario: Scenario
    numbers: range
    access: BrokerAccess
    prefix: str
    folder: Path
    began_unix_s: float
    drain_s: float


@dataclass(frozen=True, slots=True)
class Words:
    """What a process tells its parent.

    Attributes:
        tally: Everything so far.
        served: Versions that devices reported as active since the last words, and when.
        rows: Of each device; only with the last words.
        error: Why it ended before its time; empty if it did not.
    """

    tally: Tally = field(default_factory=Tally)
    served: tuple[tuple[str, float], ...] = ()
    rows: Mapping[str, Rows] | None = None
    error: str = ""


def work(part: Part, pipe: Connection) -> None:
    """Run devices until the parent says :data:`LEAVE`, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which says LEAVE
    logging.basicConfig(level=os.environ.get("EDGEFLEET_LOG", "error").upper())
    try:
        crowd = Crowd(
            part.scenario,
            part.numbers,
            access=part.access,
            prefix=part.prefix,
            folder=part.folder,
            began_unix_s=part.began_unix_s,
        )
        try:
            _Work(part, pipe, crowd).run()
        finally:
            crowd.close()
    except (BrokenPipeError, EOFError):
        return  # the parent is gone, and so is everybody who could be told
    except Exception as error:  # the parent tells it, and ends the others
        pipe.send(Words(error=f"{type(error).__name__}: {error}"))
        raise


class _Work:
    def __init__(self, part: Part, pipe: Connection, crowd: Crowd) -> None:
        self._part = part
        self._pipe = pipe
        self._crowd = crowd
        self._tells_at_s = 0.0

    def run(self) -> None:
        scenario, members = self._part.scenario, self._crowd.members
        began_s = time.monotonic() + self._part.began_unix_s - time.time()
        for number, member in zip(self._part.numbers, members, strict=True):
            connects_at_s = began_s + scenario.connect_over_s * number / scenario.devices
            self._crowd.at(began_s, partial(member.begin, connects_at_s=connects_at_s))
        while not self._is_told_to_leave():
            self._turn()
        self._drain()
        for member in members:
            member.leave()
        farewell_ends_s = time.monotonic() + _FAREWELL_S
        while self._crowd.tally.connected and time.monotonic() < farewell_ends_s:
            self._turn()
        rows = {member.device.habits.device: member.device.rows for member in members}
        self._pipe.send(replace(self._words(), rows=rows))

    def _drain(self) -> None:
        """Let every device send what it has, and wait until it is acknowledged."""
        ends_s = time.monotonic() + self._part.drain_s
        for number, member in enumerate(self._crowd.members):
            if time.monotonic() >= ends_s:
                break  # nobody has counted yet what the others observed last
            member.come_back(time.monotonic())
            member.close(time.monotonic())
            if number % _AT_ONCE == 0:
                self._turn()
        while time.monotonic() < ends_s and any(
            member.device.waiting_batches for member in self._crowd.members
        ):
            self._turn()

    def _is_told_to_leave(self) -> bool:
        return self._pipe.poll() and self._pipe.recv() == LEAVE

    def _turn(self) -> None:
        self._crowd.turn()
        if time.monotonic() >= self._tells_at_s:
            self._tells_at_s = time.monotonic() + _TELL_S
            self._pipe.send(self._words())

    def _words(self) -> Words:
        crowd = self._crowd
        crowd.tally.waiting_batches = sum(m.device.waiting_batches for m in crowd.members)
        served, crowd.served = tuple(crowd.served), []
        return Words(crowd.tally, served)
