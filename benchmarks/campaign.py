"""Long benchmarks of many runs: each is kept as soon as it ends, so that they can go on later."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.code_version import code_version
from edge_contract.errors import MessageError
from edge_contract.reading import JsonValue, Reader

__all__ = ["Entry", "Notebook", "Order"]


class Order(NamedTuple):
    """One run.

    Attributes:
        name: Of what happens in it.
        seed: Decides everything else.
    """

    name: str
    seed: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One run that ended.

    Attributes:
        order: Which.
        code: That was run, see :func:`benchmarks.code_version.code_version`.
        outcome: What came of it.
    """

    order: Order
    code: str
    outcome: Reader


@dataclass(slots=True)
class Notebook:
    """Keeps what came of each run of a campaign as a line of JSON.

    Attributes:
        path: Of the lines; ``None`` keeps them in memory alone.
        entries: By order, in the order in which they ended.
        was_interrupted: Whether somebody ended the campaign before its last run.
    """

    path: Path | None = None
    entries: dict[Order, Entry] = field(default_factory=dict)
    was_interrupted: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def opened(cls, path: Path, *, resumes: bool) -> "Notebook":
        """Return the notebook at ``path``: as it is, if it is resumed, else an empty one.

        An empty one replaces that on the disk with its first entry. Raises ``MessageError`` for a
        line that is no entry.
        """
        notebook = cls(path)
        if resumes and path.exists():
            for number, line in enumerate(path.read_text().splitlines(), 1):
                entry = _read(line, f"{path.name}, line {number}")
                notebook.entries[entry.order] = entry
        return notebook

    def fill(
        self,
        orders: Sequence[Order],
        run: Callable[[Order], Mapping[str, JsonValue]],
        *,
        at_once: int = 1,
    ) -> list[Entry]:
        """Do what is ordered and not in here yet; return what is known of the orders by then.

        Ctrl-C begins no further run, lets those that are on end without keeping them, and returns.
        Neither does a run that raises begin another; those beside it are kept, then it is raised.
        """
        missing = [order for order in orders if order not in self.entries]
        code, ends = code_version(), threading.Event()

        def keep(order: Order) -> None:
            if ends.is_set():
                return
            try:
                outcome = run(order)
            except BaseException:
                ends.set()
                raise
            with self._lock:
                if not self.was_interrupted:
                    self._add(order, code, outcome)

        with ThreadPoolExecutor(at_once) as pool:
            runs = [pool.submit(keep, order) for order in missing]
            try:
                for done in as_completed(runs):
                    done.result()
            except KeyboardInterrupt:
                self.was_interrupted = True
                ends.set()
        return [self.entries[order] for order in orders if order in self.entries]

    def _add(self, order: Order, code: str, outcome: Mapping[str, JsonValue]) -> None:
        line = json.dumps(
            {"name": order.name, "seed": order.seed, "code": code, "outcome": outcome}
        )
        if self.path is not None:
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("a" if self.entries else "w") as file:
                file.write(f"{line}\n")
        self.entries[order] = _read(line, "entry")


def _read(line: str, where: str) -> Entry:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise MessageError(f"{where} is no JSON: {error}; take it away, and run it again") from None
    reader = Reader(value, where, MessageError)
    return Entry(
        Order(reader["name"].text(), reader["seed"].integer()),
        reader["code"].text(),
        reader["outcome"],
    )
