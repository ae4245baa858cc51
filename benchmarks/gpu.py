"""Models on CUDA against the processor of the same machine: right, fast, swapped, and frugal."""

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from benchmarks.harness import Figure, benchmark, interleaved
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine, OnnxRuntimeSession
from edge_agent.agent import Agent
from edge_contract.package import Package
from edgefleet.converting import convert

__all__ = ["gpu"]

_BATCHES: Final = (1, 32, 1024)
_SWAPS: Final = 100
_LIMIT_MB: Final = 512
_CUDA: Final = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class _Model:
    name: str
    package: Package
    rows: NDArray[np.float32]


@benchmark
def gpu(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Compare CUDA with the processor: outputs, latency, swaps, device memory."""
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as folder:
        models = [_perceptron(rng, Path(folder)), _convolutions(rng, Path(folder))]
    rounds = 5 if quick else 25
    fallback = _load(models[0].package, ("cuda",)).fallback
    if fallback:
        return [
            Figure("CUDA", None, "", peer=fallback),
            *(_cores(model, rounds=rounds) for model in models),
        ]
    figures: list[Figure] = []
    for model in models:
        figures += _correctness(model)
        figures += _latency(model, rounds=rounds)
    figures += _swaps(models[1], swaps=_SWAPS // 10 if quick else _SWAPS)
    figures += _agent(models[1], seconds=2.0 if quick else 10.0)
    return figures


def _correctness(model: _Model) -> list[Figure]:
    """Compare what both say about the same rows; the golden vectors are checked by every load."""
    cuda, cpu = _load(model.package, ("cuda",)), _load(model.package, ("cpu",))
    feeds = {model.package.manifest.inputs[0].name: model.rows}
    found, expected = (s.run(feeds)[0].astype(np.float64) for s in (cuda, cpu))
    difference = np.abs(found - expected) / np.maximum(np.abs(expected), 1e-3)
    agree = float((found.argmax(axis=1) == expected.argmax(axis=1)).mean())
    return [
        Figure(
            f"{model.name}: largest relative difference of {len(model.rows)} rows",
            float(difference.max()),
            "",
            1e-3,
            peer="processor",
        ),
        Figure(f"{model.name}: rows with the same class", agree, "", 1.0, at_most=False),
    ]


def _latency(model: _Model, *, rounds: int) -> list[Figure]:
    cuda = _load(model.package, ("cuda",))
    cpu_all = OnnxRuntimeEngine(threads=0).load(model.package)
    cpu_one = _load(model.package, ("cpu",))
    name = model.package.manifest.inputs[0].name
    figures: list[Figure] = []
    for batch in _BATCHES:
        feeds = {name: model.rows[:batch]}
        calls: Mapping[str, Callable[[], object]] = {
            "cuda": lambda feeds=feeds: cuda.run(feeds),  # type: ignore[misc]
            "all": lambda feeds=feeds: cpu_all.run(feeds),  # type: ignore[misc]
            "one": lambda feeds=feeds: cpu_one.run(feeds),  # type: ignore[misc]
        }
        medians = interleaved(calls, rounds=rounds, seconds_per_round=0.05)
        what = f"{model.name}, batch {batch}"
        figures += [
            Figure(f"{what}: CUDA", medians["cuda"] * 1e6, "us"),
            Figure(
                f"{what}: one core / CUDA", medians["one"] / medians["cuda"], "x", peer="1 thread"
            ),
            Figure(
                f"{what}: all cores / CUDA", medians["all"] / medians["cuda"], "x", peer="all cores"
            ),
        ]
    return figures


def _cores(model: _Model, *, rounds: int) -> Figure:
    """Compare the processor with itself: what there is to be had without an accelerator."""
    one, every = _load(model.package, ("cpu",)), OnnxRuntimeEngine(threads=0).load(model.package)
    feeds = {model.package.manifest.inputs[0].name: model.rows}
    calls: Mapping[str, Callable[[], object]] = {
        "one": lambda: one.run(feeds),
        "every": lambda: every.run(feeds),
    }
    medians = interleaved(calls, rounds=rounds, seconds_per_round=0.05)
    return Figure(
        f"{model.name}, batch {max(_BATCHES)}: one core / all cores",
        medians["one"] / medians["every"],
        "x",
        peer="1 thread",
    )


def _swaps(model: _Model, *, swaps: int) -> list[Figure]:
    """Load, warm up and drop sessions: how long it takes and what stays behind."""
    feeds = {model.package.manifest.inputs[0].name: model.rows[:32]}
    load_ms: list[float] = []
    first_ms: list[float] = []
    used: list[float] = []
    session = _load(model.package, ("cuda",))
    session.run(feeds)
    for _ in range(swaps):
        began_s = time.perf_counter()
        fresh = _load(model.package, ("cuda",))
        loaded_s = time.perf_counter()
        fresh.run(feeds)
        first_ms.append((time.perf_counter() - loaded_s) * 1e3)
        load_ms.append((loaded_s - began_s) * 1e3)
        session = fresh
        used.append(_device_memory_mb())
    del session
    return [
        Figure(f"{model.name}: median time to load", statistics.median(load_ms), "ms"),
        Figure(f"{model.name}: first call after it", statistics.median(first_ms), "ms"),
        Figure(
            f"{model.name}: device memory after {swaps} swaps beyond that after 5",
            used[-1] - used[min(4, len(used) - 1)],
            "MiB",
            16.0,
        ),
    ]


def _agent(model: _Model, *, seconds: float) -> list[Figure]:
    """Predict from 4 threads through an agent with a limit on device memory; nothing may fail."""
    before_mb = _device_memory_mb()
    with Agent(model.package, providers=("cuda", "cpu"), device_memory_mb=_LIMIT_MB) as agent:
        agent.wait_ready()
        ends_s = time.perf_counter() + seconds

        def predict(worker: int) -> tuple[list[float], int]:
            times: list[float] = []
            number = failed = 0
            while time.perf_counter() < ends_s:
                number += 1
                row = model.rows[(worker + 4 * number) % len(model.rows)][None]
                began_s = time.perf_counter()
                try:
                    agent.predict(row)
                except Exception:  # noqa: BLE001  whatever it is, it is a failed prediction
                    failed += 1
                times.append((time.perf_counter() - began_s) * 1e6)
            return times, failed

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(predict, range(4)))
        used_mb = _device_memory_mb() - before_mb
        observed = agent.rows_observed()
    times = sorted(time_us for worker, _ in found for time_us in worker)
    failed = sum(count for _, count in found)
    return [
        Figure("agent, 4 threads, batch 1: predictions a second", len(times) / seconds, "1/s"),
        Figure("agent, 4 threads, batch 1: p50", times[len(times) // 2], "us"),
        Figure("agent, 4 threads, batch 1: p99", times[len(times) * 99 // 100], "us"),
        Figure("agent: failed predictions", float(failed), "", 0.0),
        Figure("agent: rows answered and not observed", float(len(times) - observed), "", 0.0),
        Figure("agent: device memory", used_mb, "MiB", _LIMIT_MB + 512.0, peer="limit and context"),
    ]


def _load(package: Package, providers: Sequence[str]) -> OnnxRuntimeSession:
    return OnnxRuntimeEngine(providers=providers).load(package)


def _device_memory_mb() -> float:
    """Return what is in use on the first device."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    return float(subprocess.run(query, capture_output=True, text=True, check=True).stdout)


def _perceptron(rng: np.random.Generator, folder: Path) -> _Model:
    """Two hidden layers of 2,048: 4.4 million weights."""
    sizes = (64, 2048, 2048, 10)
    nodes, weights, value = [], [], "x"
    for index, (before, after) in enumerate(pairwise(sizes)):
        w = rng.normal(0, np.sqrt(2 / before), (before, after)).astype(np.float32)
        weights.append(numpy_helper.from_array(w, f"w{index}"))
        nodes.append(helper.make_node("MatMul", [value, f"w{index}"], [f"m{index}"]))
        value = f"m{index}"
        if after != sizes[-1]:
            nodes.append(helper.make_node("Relu", [value], [f"r{index}"]))
            value = f"r{index}"
    nodes.append(helper.make_node("Softmax", [value], ["probabilities"], axis=1))
    return _packed("perceptron", nodes, weights, (sizes[0],), rng, folder)


def _convolutions(rng: np.random.Generator, folder: Path) -> _Model:
    """Four convolutions over 32 x 32 pixels, as a small camera model has."""
    channels = (3, 32, 64, 128, 128)
    nodes, weights, value = [], [], "x"
    for index, (before, after) in enumerate(pairwise(channels)):
        w = rng.normal(0, np.sqrt(2 / (9 * before)), (after, before, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(w, f"w{index}"))
        conv = helper.make_node(
            "Conv", [value, f"w{index}"], [f"c{index}"], pads=[1, 1, 1, 1], strides=[1, 1]
        )
        nodes += [conv, helper.make_node("Relu", [f"c{index}"], [f"r{index}"])]
        pool = helper.make_node(
            "MaxPool", [f"r{index}"], [f"p{index}"], kernel_shape=[2, 2], strides=[2, 2]
        )
        nodes.append(pool)
        value = f"p{index}"
    w = rng.normal(0, 0.05, (channels[-1] * 4, 10)).astype(np.float32)
    weights.append(numpy_helper.from_array(w, "head"))
    nodes += [
        helper.make_node("Flatten", [value], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
    ]
    return _packed("convolutions", nodes, weights, (3, 32, 32), rng, folder)


def _packed(
    name: str,
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    shape: tuple[int, ...],
    rng: np.random.Generator,
    folder: Path,
) -> _Model:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *shape])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    rows = rng.normal(0, 1, (max(_BATCHES), *shape)).astype(np.float32)
    return _Model(name, convert(path, rows, name=name, version="1.0.0"), rows)
