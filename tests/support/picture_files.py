"""Pictures as files, and a model that says which colour a picture has most of."""

import warnings
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from converters.base import ConversionWarning
from edge_contract.package import Package
from edgefleet.converting import convert

__all__ = ["BLUE", "GREEN", "RED", "colours", "file_of", "plain"]

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def plain(colour: tuple[int, int, int], *, width: int = 8, height: int = 8) -> Image.Image:
    """A picture of one colour."""
    return Image.new("RGB", (width, height), colour)


def file_of(picture: "Image.Image | NDArray[np.uint8]", form: str = "PNG") -> bytes:
    """The bytes of its file."""
    opened = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    target = BytesIO()
    opened.save(target, form)
    return target.getvalue()


@cache
def colours(image_input: str = "unit", *, layout: str = "chw") -> Package:
    """Which of three channels is the brightest; 8 x 8 pixels, classes red, green and blue."""
    rng = np.random.default_rng(11)
    shape = (400, 3, 8, 8) if layout == "chw" else (400, 8, 8, 3)
    axes = (2, 3) if layout == "chw" else (1, 2)
    rows = rng.uniform(0.0, 1.0, shape).astype(np.float32)
    top = rng.integers(0, 3, 400)
    for number, channel in enumerate(top):
        rows[(number, channel) if layout == "chw" else (number, ..., channel)] *= 0.5
        rows[(number, channel) if layout == "chw" else (number, ..., channel)] += 0.5
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["picture", "axes"], ["means"], keepdims=0),
            helper.make_node("Mul", ["means", "ten"], ["scaled"]),
            helper.make_node("Softmax", ["scaled"], ["probabilities"], axis=1),
        ],
        "colours",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["batch", *shape[1:]])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
        [
            numpy_helper.from_array(np.array(axes, np.int64), "axes"),
            numpy_helper.from_array(np.array(10.0, np.float32), "ten"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    names = np.array(["red", "green", "blue"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)  # the reference has few rows
        return convert(
            model.SerializeToString(),
            rows,
            names[rows.mean(axis=axes).argmax(axis=1)],
            name="colours",
            version="1.0.0",
            classes=names.tolist(),
            image_input=image_input,
            joint=0,
            robustness=False,
        )
