"""How long calls take: an agent, onnxruntime alone, and the framework that a model comes from."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Figure
from benchmarks.inference_models import Model
from edge_agent.adapters.row_memory import RowMemory
from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_agent.agent import Agent
from edge_agent.block_path import BlockPath
from edge_agent.prediction import Answer, Prediction
from edge_agent.servable import Servable
from edge_contract.errors import UnavailableError

__all__ = ["latencies", "saturated"]

_TARGETS: Final = {1: 0.85, 1024: 1.05}
_PLAIN: Final = "onnxruntime, session.run(None, feeds), 1 thread"
_BOUND: Final = "bound to memory"
_ALL_CORES: Final = "profile throughput"
_LIST: Final = "agent, a list"
_RATIOS: Final = {
    _BOUND: "floor: IO binding alone, nothing copied or observed",
    _LIST: "the same, given a list",
    _ALL_CORES: "the same, profile throughput",
}
"""What stands beside ``session.run``, by what is called."""
_OURS: Final = frozenset({"agent", "unobserved", "session", *_RATIOS})
_MANY: Final = 5_000
"""Rows from which on all cores may be worth it."""
_OFTEN: Final = 1 << 62


def latencies(model: Model, batches: Sequence[int], *, seconds: float) -> list[Figure]:
    """Time single calls, in turns, with room in the ring for their rows.

    Args:
        model: What is called.
        batches: Rows of a call.
        seconds: For each of them.
    """
    figures: list[Figure] = []
    with Agent(model.package) as agent, Agent(model.package, profile="throughput") as wide:
        servables = [_serving(agent), _serving(wide)]
        for batch in batches:
            rows = model.batch(batch)
            calls = _contenders(agent, servables[0], model, rows)
            if batch >= _MANY:
                calls[_ALL_CORES] = lambda rows=rows: wide.predict(rows)  # type: ignore[misc]
            found = _medians(calls, servables, rows=batch, seconds=seconds)
            figures += _figures(f"{model.name}, batch {batch}", found, _TARGETS.get(batch))
    return figures


def saturated(model: Model, batch: int, *, seconds: float, rounds: int) -> list[Figure]:
    """Call without a pause, so that callers wait for rows to be counted on the other core."""
    rows = model.batch(batch)
    session, feeds = _plain(model), {model.package.manifest.inputs[0].name: rows}
    ratios: list[float] = []
    with Agent(model.package) as agent:
        agent.wait_ready()
        for _ in range(rounds):
            alone_s = _mean_s(lambda: session.run(None, feeds), seconds)
            ratios.append(_mean_s(lambda: agent.predict(rows), seconds) / alone_s)
    return [
        Figure(
            f"{model.name}, batch {batch}, without a pause: agent.predict / session.run, mean",
            float(np.median(ratios)),
            "x",
            peer=_PLAIN,
        )
    ]


def _serving(agent: Agent) -> Servable:
    agent.wait_ready()
    routing = agent._switch.routing
    if routing is None:
        raise UnavailableError(f"{agent.model} does not serve")
    return routing.serve


def _contenders(
    agent: Agent, servable: Servable, model: Model, rows: NDArray[np.float32]
) -> dict[str, Callable[[], object]]:
    session, name = _plain(model), model.package.manifest.inputs[0].name
    calls: dict[str, Callable[[], object]] = {
        "agent": lambda: agent.predict(rows),
        "unobserved": _unobserved(servable, rows),
        "session": lambda: session.run(None, {name: rows}),
    }
    bound = _bound(servable, rows) if len(rows) == 1 else None
    if bound is not None:
        calls[_BOUND] = bound
    if len(rows) == 1 and rows.ndim == 2:
        row = rows[0].tolist()
        calls[_LIST] = lambda: agent.predict(row)
    for framework, predict in model.source.items():
        calls[framework] = lambda predict=predict: predict(rows)  # type: ignore[misc]
    return calls


def _plain(model: Model) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.package.model(), options)


def _bound(servable: Servable, rows: NDArray[np.float32]) -> Callable[[], object] | None:
    """Return the model alone, on a row that lies in its memory: no agent can be quicker."""
    layout = servable.origin.row
    memory = None if layout is None else layout.memory(servable.session)
    if memory is None:
        return None
    memory.table[...] = rows
    run = memory.run

    def call(_kept: RowMemory = memory) -> None:  # the session does not keep what it is bound to
        run()

    return call


def _unobserved(servable: Servable, rows: NDArray[np.float32]) -> Callable[[], object]:
    """Return a call that does everything but put its rows into the ring."""
    path, blocks = servable.row_path, servable.block_path
    if blocks is not None and len(rows) > 1:
        unseen = BlockPath.of(
            servable.manifest, servable.session, servable._primary, servable.origin
        )
        if unseen is not None:
            unseen._put = _unkept
            predict_block = unseen.predict
            return lambda: predict_block(rows, _nobody)
    if path is not None and len(rows) == 1:
        blind = type(path).of(
            servable.manifest, servable.session, servable._primary, servable.origin
        )
        if blind is not None:
            blind._append = _unwritten
            predict = blind.predict
            return lambda: predict(rows, _nobody)

    def call() -> Prediction:
        encoded = servable._encoder.encode(rows)
        outputs = servable.session.run(encoded.feeds)
        decoded = servable._decoder.decode(outputs, encoded.rows)
        return Prediction(Answer(decoded, outputs), servable.origin)

    return call


def _unwritten(row: memoryview) -> int:  # noqa: ARG001  it goes nowhere
    return _OFTEN


def _unkept(
    arrays: "Sequence[NDArray[np.generic]]",
    count: int,
    latency_us: float,
    wake: Callable[[], None],
) -> None:
    """Keep nothing of a call."""


def _nobody() -> None:
    """Be woken, and go on sleeping."""


def _medians(
    calls: Mapping[str, Callable[[], object]],
    servables: Sequence[Servable],
    *,
    rows: int,
    seconds: float,
) -> dict[str, float]:
    """Return the median seconds of single calls, a handful of each in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    at_once = {name: _at_once(call) for name, call in calls.items()}
    enough = rows if rows > 1 else max(at_once.values())
    ends_s = time.perf_counter() + seconds
    while time.perf_counter() < ends_s or min(map(len, times.values())) < 3:
        for name, call in calls.items():
            call()
            for _ in range(at_once[name]):
                while not all(servable.has_room(enough) for servable in servables):
                    time.sleep(0.0005)
                began_s = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - began_s)
    return {name: float(np.median(found)) for name, found in times.items()}


def _at_once(call: Callable[[], object]) -> int:
    """Return how many calls take about 2 ms."""
    call()
    began_s = time.perf_counter()
    call()
    return max(min(int(0.002 / max(time.perf_counter() - began_s, 1e-7)), 200), 1)


def _mean_s(call: Callable[[], object], seconds: float) -> float:
    began_s = now_s = time.perf_counter()
    made = 0
    while now_s < began_s + seconds:
        call()
        made += 1
        now_s = time.perf_counter()
    return (now_s - began_s) / made


def _figures(what: str, found: Mapping[str, float], target: float | None) -> list[Figure]:
    unit, scale = ("us", 1e6) if found["session"] < 0.01 else ("ms", 1e3)
    agent, alone = found["agent"], found["session"]
    figures = [
        Figure(f"{what}: agent.predict, p50", agent * scale, unit),
        Figure(f"{what}: agent.predict / session.run", agent / alone, "x", target, peer=_PLAIN),
        Figure(
            f"{what}: the same, observing nothing", found["unobserved"] / alone, "x", peer=_PLAIN
        ),
    ]
    for name, seconds in found.items():
        if name in _RATIOS:
            figures.append(Figure(f"{what}: {_RATIOS[name]}", seconds / alone, "x", peer=_PLAIN))
        elif name not in _OURS:
            figures += [
                Figure(
                    f"{what}: {name} / agent.predict{how}", seconds / found[ours], "x", peer=name
                )
                for ours, how in (("agent", ""), (_ALL_CORES, ", profile throughput"))
                if ours in found
            ]
    return figures
