"""What deltas between versions of a model save, by kind of retraining and method."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks.delta_networks import Network
from benchmarks.delta_wire import wire_figures
from benchmarks.harness import Figure, benchmark
from edge_contract.delta import Method, Zlib, make_delta

__all__ = ["deltas"]

_OPSET: Final = {"": 18, "ai.onnx.ml": 3}
_OLD_FRACTION: Final = 0.95  # the new version sees all rows: 5 % more
_TUNINGS: Final = (
    ("trained on", 0.1, False),
    ("fine-tuned at a hundredth of the rate", 0.001, False),
    ("head only", 0.01, True),
)
"""What is done, at which rate, and whether to the last layer only; training was at 0.1."""

_NO_MEMORY: Final = "memory is measured on Linux only"


class Pair(NamedTuple):
    """Two versions of a model's file."""

    name: str
    old: bytes
    new: bytes


@benchmark
def deltas(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Make and apply deltas of retrained models, and fetch packages: bytes, seconds, memory."""
    figures: list[Figure] = []
    for pair in (*_linear(seed), *_forests(seed, quick=quick), *_networks(seed, quick=quick)):
        figures += _figures(pair)
    return [*figures, *wire_figures(seed, quick=quick)]


def _figures(pair: Pair) -> Iterator[Figure]:
    yield Figure(f"{pair.name}: new file", len(pair.new), "bytes")
    packed = len(make_delta(pair.old, pair.new, compression=Zlib()).to_bytes())
    full = 0.0
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder, "old.onnx"), Path(folder, "new.onnx")
        old.write_bytes(pair.old)
        new.write_bytes(pair.new)
        for method in Method:
            delta = Path(folder, f"{method.name}.delta")
            made = _probed("make", old, new, delta, method.name)
            applied = _probed("apply", old, new, delta)
            name = f"{pair.name}, {method.name.lower()}"
            size_bytes = made["size_bytes"]
            assert size_bytes is not None
            full = full or size_bytes
            peer = f"{size_bytes / full:.1%} of full"
            yield Figure(f"{name}: size", size_bytes, "bytes", peer=peer)
            for verb, found in (("make", made), ("apply", applied)):
                yield Figure(f"{name}: to {verb}", found["s"], "s")
                memory = found["memory_bytes"]
                peer = _NO_MEMORY if memory is None else ""
                yield Figure(f"{name}: memory to {verb}", memory, "bytes", peer=peer)
    yield Figure(f"{pair.name}, smallest with zlib: size", packed, "bytes")


def _probed(verb: str, *words: Path | str) -> dict[str, float | None]:
    command = [sys.executable, "-m", "benchmarks.delta_probe", verb, *map(str, words)]
    root = Path(__file__).parents[1]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    answer: dict[str, float | None] = json.loads(run.stdout)
    return answer


def _linear(seed: int) -> Iterator[Pair]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order].astype(np.float32) / 16, y[order]
    few = int(_OLD_FRACTION * len(x))
    old, new = (LogisticRegression(max_iter=1000).fit(x[:rows], y[:rows]) for rows in (few, len(x)))
    yield Pair("linear, 5 % more data", _exported(old), _exported(new))


def _forests(seed: int, *, quick: bool) -> Iterator[Pair]:
    rows, trees = (600, 10) if quick else (4000, 100)
    x, y = make_classification(rows, 20, n_informative=10, random_state=seed)
    x = x.astype(np.float32)
    few = int(_OLD_FRACTION * rows)

    def forest(count: int, rows: int, state: int) -> RandomForestClassifier:
        model = RandomForestClassifier(count, random_state=state, warm_start=True)
        return model.fit(x[:rows], y[:rows])

    old = forest(trees, few, 1)
    before = _exported(old)
    yield Pair("forest, 5 % more data", before, _exported(forest(trees, rows, 1)))
    yield Pair("forest, another seed", before, _exported(forest(trees, rows, 3)))
    longer = forest(trees, few, 1)
    longer.set_params(n_estimators=trees + trees // 10).fit(x, y)
    yield Pair("forest, 10 % more trees (warm start)", before, _exported(longer))
    old.estimators_[: trees // 10] = forest(trees // 10, rows, 2).estimators_
    yield Pair("forest, 10 % of trees replaced", before, _exported(old))


def _networks(seed: int, *, quick: bool) -> Iterator[Pair]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    pictures, labels = (x[order] / 16).astype("f4").reshape(-1, 1, 8, 8), y[order].astype(np.int64)
    few = int(_OLD_FRACTION * len(x))
    epochs = 2 if quick else 40
    sizes = [64, 256, 64, 10] if quick else [64, 1024, 512, 10]
    fresh = {
        "dense network": lambda seed: Network.fresh([], sizes, seed=seed),
        "convolutions": lambda seed: Network.fresh([1, 32, 64, 128], [128, 10], seed=seed),
    }
    for name in list(fresh)[: 1 if quick else 2]:
        network = fresh[name](seed)
        network.train(pictures[:few], labels[:few], epochs=epochs, rate=0.1, head=False)
        assert quick or network.accuracy(pictures[:few], labels[:few]) > 0.9
        for kind, rate, head in _TUNINGS[1:] if quick else _TUNINGS:
            tuned = network.copy()
            tuned.train(pictures, labels, epochs=2, rate=rate, head=head)
            yield Pair(f"{name}, {kind}", network.onnx(), tuned.onnx())
            yield Pair(f"{name} in int8, {kind}", network.onnx(int8=True), tuned.onnx(int8=True))
        if not quick:
            other = fresh[name](seed + 1)
            other.train(pictures, labels, epochs=epochs, rate=0.1, head=False)
            yield Pair(f"{name}, trained anew from other weights", network.onnx(), other.onnx())


def _exported(model: LogisticRegression | RandomForestClassifier) -> bytes:
    rows = np.zeros((1, model.n_features_in_), np.float32)
    options = {id(model): {"zipmap": False}}
    return bytes(to_onnx(model, rows, options=options, target_opset=_OPSET).SerializeToString())
