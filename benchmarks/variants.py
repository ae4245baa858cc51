"""What variants of 8 bits save and cost, beside the exact model in the same run."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.delta_networks import Network
from benchmarks.harness import Figure, benchmark, interleaved
from converters.convert import convert
from converters.runtime import OnnxModel
from converters.variants import VariantRules
from edge_contract.package import Package
from edge_contract.reading import JsonObject

__all__ = ["variants"]

_TRAINED_ON: Final = 1000
_RULES: Final = VariantRules(max_accuracy_loss=0.01)


class Subject(NamedTuple):
    """A trained model, and rows that it has not seen."""

    name: str
    model: object
    rows: NDArray[np.float32]
    labels: NDArray[np.int64]


@benchmark
def variants(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Variants of 8 bits: size, time at 1 and 32 rows, accuracy, and what they do to each other."""
    figures: list[Figure] = []
    for subject in _subjects(seed, quick=quick):
        package = convert(
            subject.model,
            subject.rows,
            subject.labels,
            name="m",
            version="1.0.0",
            variants=_RULES,
        )
        figures += _of_package(subject, package)
        if subject.rows.ndim == 4:
            figures.append(_dynamic_convolutions(subject, package.model()))
    return figures


def _of_package(subject: Subject, package: Package) -> Iterator[Figure]:
    found = package.manifest.evidence.variants
    if "not_tried" in found:
        yield Figure(f"{subject.name}: int8", None, "x", peer=str(found["not_tried"]))
        return
    exact_bytes = len(package.model())
    yield Figure(f"{subject.name}: exact model", exact_bytes, "bytes")
    tried = found["tried"]
    assert isinstance(tried, Sequence)
    for trial in tried:
        assert isinstance(trial, Mapping)
        yield from _of_trial(subject.name, trial, exact_bytes)


def _of_trial(name: str, trial: JsonObject, exact_bytes: int) -> Iterator[Figure]:
    name = f"{name}, {trial['method']}"
    size_bytes, latency, metrics = trial["size_bytes"], trial["latency"], trial["metrics"]
    assert isinstance(size_bytes, int)
    assert isinstance(latency, Sequence)
    assert isinstance(metrics, Mapping)
    yield Figure(f"{name}: size", size_bytes / exact_bytes, "x", peer="the exact model")
    for timed in latency:
        assert isinstance(timed, Mapping)
        ratio, exact_us = timed["ratio"], timed["exact_us"]
        assert isinstance(ratio, float)
        assert isinstance(exact_us, float)
        peer = f"the exact model's {exact_us:.1f} us"
        yield Figure(f"{name}: time of {timed['rows']} rows", ratio, "x", peer=peer)
    for metric in ("accuracy", "f1"):
        measured = metrics[metric]
        assert isinstance(measured, Mapping)
        found, exact = measured["variant"], measured["exact"]
        assert isinstance(found, float)
        assert isinstance(exact, float)
        target = exact - _RULES.max_accuracy_loss
        peer = f"the exact model's {exact:.4f}"
        yield Figure(f"{name}: {metric}", found, "", target=target, at_most=False, peer=peer)
    kept = "" if trial["kept"] else str(trial["why_not"])
    yield Figure(f"{name}: kept", float(bool(trial["kept"])), "", peer=kept)


def _dynamic_convolutions(subject: Subject, exact: bytes) -> Figure:
    """Show why convolutions are never quantized dynamically: do it, and take the time."""
    # Loaded after onnxruntime was silenced, by converters.runtime.
    from onnxruntime.quantization import quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "dynamic.onnx")
        quantize_dynamic(onnx.load_from_string(exact), target)
        dynamic = OnnxModel(target.read_bytes(), what="the dynamic variant")
    model = OnnxModel(exact, what="the exact model")
    feeds = {model.inputs[0].name: subject.rows[:32]}
    times = interleaved(
        {"exact": model.call(feeds), "dynamic": dynamic.call(feeds)},
        rounds=15,
        seconds_per_round=0.01,
    )
    name = f"{subject.name}, convolutions dynamic (never made): time of 32 rows"
    peer = f"the exact model's {times['exact'] * 1e6:.1f} us"
    return Figure(name, times["dynamic"] / times["exact"], "x", peer=peer)


def _subjects(seed: int, *, quick: bool) -> Iterator[Subject]:
    rows, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(rows))
    numbers, truths = (rows[order] / 16).astype(np.float32), labels[order].astype(np.int64)
    seen, seen_labels = numbers[:_TRAINED_ON], truths[:_TRAINED_ON]
    rest, rest_labels = numbers[_TRAINED_ON:], truths[_TRAINED_ON:]
    linear = LogisticRegression(max_iter=1000).fit(seen, seen_labels)
    yield Subject("logistic regression", linear, rest, rest_labels)
    layers = {"dense 64-64-10": (64,), "dense 64-1024-512-10": (1024, 512)}
    for name, hidden in list(layers.items())[: 1 if quick else 2]:
        network = MLPClassifier(hidden, max_iter=10 if quick else 40, random_state=seed)
        dense = make_pipeline(StandardScaler(), network).fit(seen, seen_labels)
        yield Subject(name, dense, rest, rest_labels)
    channels = {"convolutions 1-8-16": [1, 8, 16], "convolutions 1-32-64-128": [1, 32, 64, 128]}
    for name, widths in list(channels.items())[: 1 if quick else 2]:
        pictures = numbers.reshape(-1, 1, 8, 8)
        trained = Network.fresh(widths, [widths[-1], 10], seed=seed)
        epochs = 2 if quick else 30
        trained.train(pictures[:_TRAINED_ON], seen_labels, epochs=epochs, rate=0.1, head=False)
        yield Subject(name, _with_probabilities(trained), pictures[_TRAINED_ON:], rest_labels)


def _with_probabilities(network: Network) -> bytes:
    model = onnx.load_from_string(network.onnx())
    output = model.graph.output[0]
    model.graph.node.append(helper.make_node("Softmax", [output.name], ["probabilities"], axis=1))
    output.name = "probabilities"
    return bytes(model.SerializeToString())
