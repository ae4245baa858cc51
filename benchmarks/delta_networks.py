"""Small convolutional and dense networks that numpy trains, and their ONNX files."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

__all__ = ["Network"]

Floats: TypeAlias = NDArray[np.float32]


@dataclass(slots=True)
class Network:
    """Layers of 3 x 3 convolutions, a mean over what is left of the picture, and dense layers.

    Attributes:
        kernels: Of the convolutions: float32[out, in, 3, 3].
        matrices: Of the dense layers: float32[in, out].
    """

    kernels: list[Floats]
    matrices: list[Floats]

    @classmethod
    def fresh(cls, channels: Sequence[int], sizes: Sequence[int], *, seed: int) -> Self:
        """Return an untrained network of the given widths."""
        rng = np.random.default_rng(seed)
        return cls(
            [
                (rng.standard_normal((after, before, 3, 3)) * (2 / (9 * before)) ** 0.5).astype(
                    "f4"
                )
                for before, after in pairwise(channels)
            ],
            [
                (rng.standard_normal((before, after)) * (2 / before) ** 0.5).astype("f4")
                for before, after in pairwise(sizes)
            ],
        )

    def copy(self) -> "Network":
        """Return a network of its own with the same weights."""
        return Network([*map(np.copy, self.kernels)], [*map(np.copy, self.matrices)])

    def train(
        self, pictures: Floats, labels: NDArray[np.int64], *, epochs: int, rate: float, head: bool
    ) -> None:
        """Descend along the gradient in batches of 32; ``head`` moves the last layer only."""
        for _ in range(epochs):
            for start in range(0, len(pictures), 32):
                part = slice(start, start + 32)
                self._step(pictures[part], labels[part], rate=rate, head=head)

    def accuracy(self, pictures: Floats, labels: NDArray[np.int64]) -> float:
        """Return the fraction of rows that it tells right."""
        _, dense, _ = self._forward(pictures)
        return float((dense[-1].argmax(1) == labels).mean())

    def _forward(self, pictures: Floats) -> tuple[list[Floats], list[Floats], list[Floats]]:
        images, windows = [pictures], []
        for kernel in self.kernels:
            view = sliding_window_view(images[-1], (3, 3), axis=(2, 3))
            windows.append(view)
            found = np.tensordot(view, kernel, axes=((1, 4, 5), (1, 2, 3)))
            images.append(np.maximum(found.transpose(0, 3, 1, 2), 0))
        dense = [images[-1].mean((2, 3)) if self.kernels else pictures.reshape(len(pictures), -1)]
        for place, matrix in enumerate(self.matrices):
            last = place == len(self.matrices) - 1
            dense.append(dense[-1] @ matrix if last else np.maximum(dense[-1] @ matrix, 0))
        return images, dense, windows

    def _step(
        self, pictures: Floats, labels: NDArray[np.int64], *, rate: float, head: bool
    ) -> None:
        images, dense, windows = self._forward(pictures)
        raised = np.exp(dense[-1] - dense[-1].max(1, keepdims=True))
        slope = raised / raised.sum(1, keepdims=True)
        slope[np.arange(len(labels)), labels] -= 1
        slope /= np.float32(len(labels))
        for place in reversed(range(len(self.matrices))):
            change = dense[place].T @ slope
            slope = slope @ self.matrices[place].T
            self.matrices[place] -= np.float32(rate) * change
            if head:
                return
            if place or self.kernels:
                slope = slope * (dense[place] > 0)
        if self.kernels:
            height, width = images[-1].shape[2:]
            spread = slope[:, :, None, None] / np.float32(height * width)
            self._step_back(np.broadcast_to(spread, images[-1].shape), images, windows, rate=rate)

    def _step_back(
        self, slope: Floats, images: list[Floats], windows: list[Floats], *, rate: float
    ) -> None:
        for place in reversed(range(len(self.kernels))):
            slope = slope * (images[place + 1] > 0)
            change = np.tensordot(slope, windows[place], axes=((0, 2, 3), (0, 2, 3)))
            below = np.zeros_like(images[place])
            height, width = slope.shape[2:]
            for row, column in np.ndindex(3, 3):
                kernel = self.kernels[place][:, :, row, column]
                part = np.tensordot(slope, kernel, axes=(1, 0)).transpose(0, 3, 1, 2)
                below[:, :, row : row + height, column : column + width] += part
            self.kernels[place] -= np.float32(rate) * change
            slope = below

    def onnx(self, *, int8: bool = False) -> bytes:
        """Return the network as a file; ``int8`` stores each weight in a byte."""
        nodes: list[NodeProto] = []
        weights: list[TensorProto] = []
        current = "pictures"
        for place, array in enumerate([*self.kernels, *self.matrices]):
            name = f"layer{place}.weight"
            weights += _stored(array, name, int8=int8)
            if int8:
                inputs = [f"{name}.int8", f"{name}.scale"]
                nodes.append(helper.make_node("DequantizeLinear", inputs, [name]))
            if place == len(self.kernels):
                kind = "GlobalAveragePool" if self.kernels else "Identity"
                nodes.append(helper.make_node(kind, [current], ["pooled"]))
                nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
                current = "flat"
            kind = "Conv" if place < len(self.kernels) else "MatMul"
            nodes.append(helper.make_node(kind, [current, name], [f"sum{place}"]))
            nodes.append(helper.make_node("Relu", [f"sum{place}"], [f"layer{place}"]))
            current = f"layer{place}"
        nodes.pop()  # the last layer gives logits
        shape: list[str | int | None] = ["batch", 1, 8, 8]
        graph = helper.make_graph(
            nodes,
            "network",
            [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["batch", 10])],
            initializer=weights,
        )
        model: ModelProto = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
        )
        return bytes(model.SerializeToString())


def _stored(array: Floats, name: str, *, int8: bool) -> list[TensorProto]:
    if not int8:
        return [numpy_helper.from_array(array, name)]
    scale = np.float32(np.abs(array).max() / 127)
    numbers = np.round(array / scale).astype(np.int8)
    return [
        numpy_helper.from_array(numbers, f"{name}.int8"),
        numpy_helper.from_array(np.array(scale), f"{name}.scale"),
    ]
