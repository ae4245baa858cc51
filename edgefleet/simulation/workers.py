"""The processes of a simulation, seen from their parent."""

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from typing import Final

from edge_contract.errors import UnavailableError
from edgefleet.simulation.surroundings import Rows
from edgefleet.simulation.tally import Tally
from edgefleet.simulation.worker import LEAVE, Part, Words, work

__all__ = ["Workers"]

_LEAVE_S: Final = 10.0
_LEAVE_EACH_S: Final = 0.01


class Workers:
    """Starts a process for each part, and hears what they tell.

    Args:
        parts: What each is to do.
        on_served: Hears which version a device reported as active, and when; on another thread.
    """

    def __init__(self, parts: Sequence[Part], *, on_served: Callable[[str, float], None]) -> None:
        context = multiprocessing.get_context("spawn")
        self._patience_s = _LEAVE_S + max(
            part.drain_s + _LEAVE_EACH_S * len(part.numbers) for part in parts
        )
        self._on_served = on_served
        self._pipes: list[Connection] = []
        self._processes = []
        for number, part in enumerate(parts):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=work, args=(part, theirs), name=f"devices-{number}", daemon=True
            )
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self._tallies = [Tally() for _ in parts]
        self._rows: dict[str, Rows] = {}
        self._errors: list[str] = []
        self._done: set[int] = set()
        self._listener = threading.Thread(target=self._listen, name="listener", daemon=True)
        self._listener.start()

    @property
    def tally(self) -> Tally:
        """What all of them have counted so far."""
        return Tally.sum(self._tallies)

    def check(self) -> None:
        """Raise ``UnavailableError`` if one of them ended before its time."""
        if self._errors:
            raise UnavailableError(f"a process of the simulation ended: {self._errors[0]}")

    def leave(self) -> dict[str, Rows]:
        """Have all devices send what they have and leave; return the rows of each device.

        Raises:
            UnavailableError: A process ended before its time.
        """
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            if process.is_alive():
                pipe.send(LEAVE)
        self._listener.join(self._patience_s)
        self.kill()
        self.check()
        return self._rows

    def kill(self) -> None:
        """End those that are still there at once."""
        for process in self._processes:
            process.join(1.0)
            if process.is_alive():
                process.kill()
                process.join()

    def _listen(self) -> None:
        places = {pipe: place for place, pipe in enumerate(self._pipes)}
        while places:
            for pipe in wait(list(places)):
                if not isinstance(pipe, Connection):
                    continue
                try:
                    words = pipe.recv()
                except (EOFError, OSError):
                    place = places.pop(pipe)
                    if place not in self._done:
                        self._errors.append(f"{self._processes[place].name} was killed")
                    continue
                self._hear(words, places[pipe])

    def _hear(self, words: Words, place: int) -> None:
        if words.error:
            self._done.add(place)
            self._errors.append(words.error)
            return
        self._tallies[place] = words.tally
        for digest, at_unix_s in words.served:
            self._on_served(digest, at_unix_s)
        if words.rows is not None:
            self._done.add(place)
            self._rows.update(words.rows)
