"""Drift, the device's part: what observing a row costs, beside libraries that sketch at once.

A row costs twice: the thread that predicts copies it into the ring, and another one counts it
later, in a block. Both are shown; their sum is what is compared. Counted are the sketch and the
moments of each feature, which is what the libraries do; what a whole package counts is shown too.
Of several rounds in turns the quickest slice of each is taken: the others were disturbed.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.drift_data import FEATURES, mixed_rows
from benchmarks.drift_package import bench_package
from benchmarks.drift_peers import KLL, WHYLOGS, Peers, open_peers
from benchmarks.harness import Figure
from edge_agent.adapters.numpy_counting import BlockCounter
from edge_agent.adapters.ring import Ring, RingMark
from edge_agent.adapters.stream import Stream
from edge_agent.config import ring_folder
from edge_contract.package import Layout, Package, Role, layout_of, profile_specs
from edge_contract.stats import ProfileSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

__all__ = ["figures"]

_BATCHES: Final = (1, 32, 1024, 100_000)
_BLOCK: Final = 8192  # rows that wait when the ring asks to be counted
_BLOCKS: Final = (60, 600, _BLOCK)
_TARGET_US: Final = {1: 0.6}
_TARGET_RATIOS: Final = {(WHYLOGS, 1): 500.0, (KLL, 1): 1.5}
_SLICE: Final = 1024  # rows that are timed together; short, so that some are not disturbed
_ROUNDS: Final = {1: 300, 32: 100, 1024: 50, 100_000: 3}
_QUICK_ROUNDS: Final = {1: 20, 32: 8, 1024: 8, 100_000: 2}
_PEER_SLICES: Final = {WHYLOGS: 64, KLL: 4096}


def figures(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Return seconds a row, ours and the peers', measured in turns."""
    rows = mixed_rows(max(_BATCHES), np.random.default_rng(seed))
    package = bench_package(seed)
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, _stream_of(package, Path(folder)) as ours:
        path = Path(folder) / "rows.npy"
        np.save(path, rows)
        with open_peers(path, install=not quick) as peers:
            for batch in _BATCHES:
                rounds = _QUICK_ROUNDS[batch] if quick else _ROUNDS[batch]
                found += _measured(ours, peers, rows, batch=batch, rounds=rounds)
    return [*found, *_whole_package(package, rows, rounds=8 if quick else 50)]


class _Cost(NamedTuple):
    """Seconds a row costs the thread that predicts, and the one that counts."""

    calling_s: float
    counting_s: float


class _Ours:
    """A ring as an agent has it, and a counter of the features."""

    def __init__(self, stream: Stream, counter: BlockCounter) -> None:
        self._stream = stream
        self._counter = counter
        stream.lay_out_calls(FEATURES)

    def cost(self, rows: "Rows", batch: int) -> _Cost:
        """Observe rows in calls of ``batch``, then count them; at most what the ring holds."""
        slices = range(0, len(rows), max(_SLICE, batch))
        calling_s = min(self._called(rows[at : at + max(_SLICE, batch)], batch) for at in slices)
        return _Cost(calling_s, self._counted() / len(rows))

    def _called(self, rows: "Rows", batch: int) -> float:
        stream = self._stream
        calls = [rows[first : first + batch] for first in range(0, len(rows), batch)]
        if batch == 1:
            calls = calls[:256] * (len(rows) // 256)  # a caller's row is in the cache
            append, enough = stream.append_call, stream.enough
            began_s = time.perf_counter()
            for call in calls:
                if append(call, 1.0, 0.75, 12.0) < enough:
                    _never()
            return (time.perf_counter() - began_s) / len(rows)
        ones = np.ones(len(rows), np.float32)
        began_s = time.perf_counter()
        for call in calls:
            count = len(call)
            parts = (call, ones[:count], ones[:count], 12.0)
            stream.put(parts, count, time.time(), wake=_never)
        return (time.perf_counter() - began_s) / len(rows)

    def _counted(self) -> float:
        ring = self._stream.ring
        mark = self._stream.mark()
        began_s = time.perf_counter()
        for block in ring.read(ring.released, mark.rows):
            self._counter.count(block)
        taken_s = time.perf_counter() - began_s
        self._stream.release({ring.ring_id: (mark.rows,)})
        return taken_s


def _never() -> None:
    raise AssertionError("the ring is emptied before it asks for it")


@contextmanager
def _stream_of(package: Package, folder: Path) -> Iterator[_Ours]:
    """Make a ring where an agent would, with what counts the sketches and moments of features."""
    spec, layout = _primary(package)
    chosen = [
        index
        for index, column in enumerate(spec.columns)
        if column.subject.startswith("feature:") and column.spec.kind in ("sketch", "moments")
    ]
    features = ProfileSpec(tuple(spec.columns[index] for index in chosen))
    places = Layout(layout.width, tuple(layout.sources[index] for index in chosen))
    rings = ring_folder(folder)
    rings.mkdir(parents=True, exist_ok=True)
    path = rings / "bench.ring"
    counter = BlockCounter(features, places)
    ring = Ring(path, layout.width)
    stream = Stream(
        package.digest,
        Role.PRIMARY,
        spec=features,
        counter=lambda: counter,
        ring=ring,
        taken=RingMark(),
    )
    try:
        yield _Ours(stream, counter)
    finally:
        stream.close()
        path.unlink()


def _primary(package: Package) -> tuple[ProfileSpec, Layout]:
    spec = profile_specs(package.manifest, package.reference())[Role.PRIMARY]
    return spec, layout_of(Role.PRIMARY, package.manifest, spec)


def _measured(
    ours: _Ours, peers: Peers, rows: "Rows", *, batch: int, rounds: int
) -> Sequence[Figure]:
    blocks = [rows[first : first + _BLOCK] for first in range(0, len(rows), _BLOCK)][:-1]
    for block in blocks[:2]:
        ours.cost(block, batch)  # touches all of the ring
    taken: list[_Cost] = []
    peers_s: dict[str, list[float]] = {peer: [] for peer in peers.running}
    for number in range(rounds):
        taken.append(ours.cost(blocks[number % len(blocks)], min(batch, _BLOCK)))
        for peer, process in peers.running.items():
            count = max(_PEER_SLICES[peer], batch)
            answer = process.ask(do="update", batch=batch, rows=count)
            peers_s[peer].append(answer["seconds"] / count)
    return _shown(
        batch,
        _Cost(*(min(column) for column in zip(*taken, strict=True))),
        {peer: min(found) for peer, found in peers_s.items()},
        peers,
    )


def _shown(batch: int, cost: _Cost, peers_s: Mapping[str, float], peers: Peers) -> Sequence[Figure]:
    name = f"batch {batch}"
    both_us = sum(cost) * 1e6
    found = [
        Figure(f"{name}: the predicting thread", cost.calling_s * 1e6, "us/row"),
        Figure(f"{name}: the counting thread", cost.counting_s * 1e6, "us/row"),
        Figure(f"{name}: both", both_us, "us/row", _TARGET_US.get(batch)),
    ]
    for peer in (WHYLOGS, KLL):
        peer_us = peers_s[peer] * 1e6 if peer in peers_s else None
        found += [
            Figure(f"{name}: {peer}", peer_us, "us/row", peer=peers.name(peer)),
            Figure(
                f"{name}: {peer} / both",
                None if peer_us is None else peer_us / both_us,
                "x",
                _TARGET_RATIOS.get((peer, batch)),
                at_most=False,
                peer=peers.name(peer),
            ),
        ]
    return found


def _whole_package(package: Package, rows: "Rows", *, rounds: int) -> Sequence[Figure]:
    """Return the time of counting blocks of everything: predictions, joint, latency as well."""
    spec, layout = _primary(package)
    counter = BlockCounter(spec, layout)
    found: list[Figure] = []
    for count in _BLOCKS:
        table = np.full((count, layout.width), 1.0, np.float32)
        table[:, :FEATURES] = rows[:count]
        table[:, FEATURES + 1] = np.linspace(0.5, 1.0, count)
        table[:, FEATURES + 2] = np.linspace(9.0, 15.0, count)
        times = []
        for _ in range(rounds):
            began_s = time.perf_counter()
            counter.count(table)
            times.append((time.perf_counter() - began_s) / count)
        name = f"counting all statistics of a package, block of {count}"
        found.append(Figure(name, min(times) * 1e6, "us/row"))
    return found
