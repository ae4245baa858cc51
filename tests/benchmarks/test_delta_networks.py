"""The networks that deltas are measured on learn, and their files compute what they do."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchmarks.delta_networks import Network
from converters.silent_onnxruntime import onnxruntime


@pytest.mark.parametrize(("channels", "sizes"), [([], [64, 32, 10]), ([1, 8, 16], [16, 10])])
def test_a_network_learns_and_its_file_says_the_same(channels: list[int], sizes: list[int]) -> None:
    x, y = (array[:160] for array in load_digits(return_X_y=True))
    pictures, labels = (x / 16).astype(np.float32).reshape(-1, 1, 8, 8), y.astype(np.int64)
    network = Network.fresh(channels, sizes, seed=1)

    network.train(pictures, labels, epochs=8, rate=0.3, head=False)

    assert network.accuracy(pictures, labels) > 0.3
    session = onnxruntime.InferenceSession(network.onnx(), providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"pictures": pictures})
    assert float((logits.argmax(1) == labels).mean()) == pytest.approx(
        network.accuracy(pictures, labels), abs=0.01
    )
    int8 = onnxruntime.InferenceSession(network.onnx(int8=True), providers=["CPUExecutionProvider"])
    (logits,) = int8.run(None, {"pictures": pictures})
    assert float((logits.argmax(1) == labels).mean()) > 0.25


def test_training_the_head_leaves_the_other_layers_alone() -> None:
    rng = np.random.default_rng(2)
    pictures = rng.standard_normal((32, 1, 8, 8)).astype(np.float32)
    network = Network.fresh([1, 4], [4, 8, 10], seed=1)
    tuned = network.copy()

    tuned.train(pictures, np.arange(32) % 10, epochs=1, rate=0.1, head=True)

    assert (tuned.kernels[0] == network.kernels[0]).all()
    assert (tuned.matrices[0] == network.matrices[0]).all()
    assert (tuned.matrices[1] != network.matrices[1]).any()
