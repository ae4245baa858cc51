"""Quantizes a graph to 8 bits with onnxruntime's tools."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from converters.base import Tensors
from converters.silent_onnxruntime import onnxruntime
from converters.variants.graph import PASSING, PRODUCTS, WEIGHTED, Recipe, weighted_nodes
from edge_contract.errors import PackageError

__all__ = ["quantized"]

_CALIBRATION_BATCH: Final = 32
_WIDER: Final = 1.5


def quantized(model: ModelProto, recipe: Recipe, feeds: Tensors) -> bytes:
    """Return the graph with weights and activations of 8 bits.

    Weights use 7 of the 8 bits: processors without VNNI add pairs of products in 16 bits, which
    overflow otherwise, and the same package would answer differently on them.

    Args:
        model: A prepared graph, see :func:`converters.variants.prepare.prepared`.
        recipe: How.
        feeds: Rows to calibrate on.

    Raises:
        PackageError: onnxruntime's tools cannot do that.
    """
    given = ModelProto()
    given.CopyFrom(model)  # the tools change what they get
    with _quietly(), tempfile.TemporaryDirectory(prefix="edgefleet-") as folder:
        target = Path(folder, "quantized.onnx")
        try:
            if recipe is Recipe.DYNAMIC:
                _dynamic(given, target)
            else:
                _static(given, target, recipe, feeds)
            return target.read_bytes()
        except Exception as error:  # the tools raise whatever happens inside them
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise PackageError(f"onnxruntime cannot quantize it: {first}") from error


def _dynamic(model: ModelProto, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        model,
        target,
        op_types_to_quantize=sorted(PRODUCTS),
        weight_type=QuantType.QInt8,
        reduce_range=True,
    )


def _static(model: ModelProto, target: Path, recipe: Recipe, feeds: Tensors) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    kinds = WEIGHTED if recipe is Recipe.STATIC_SPARING else WEIGHTED | PASSING
    quantize_static(
        model,
        target,
        _Blocks(_widened(feeds) if recipe is Recipe.STATIC_WIDE else feeds),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=sorted(kinds),
        nodes_to_exclude=_tail(model),
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=recipe is not Recipe.STATIC,
        reduce_range=True,
        extra_options={"OpTypesToExcludeOutputQuantization": sorted(PRODUCTS)},
    )


def _widened(feeds: Tensors) -> Tensors:
    """Return the rows, and all of them again with their numbers further from the means."""
    return {
        name: np.concatenate([values, _further_from_mean(values)]) for name, values in feeds.items()
    }


def _further_from_mean(values: NDArray[np.generic]) -> NDArray[np.generic]:
    if values.dtype.kind != "f":
        return values
    numbers = values.astype(np.float64)
    mean = np.nanmean(numbers, axis=0)
    return np.asarray(mean + _WIDER * (numbers - mean), values.dtype)


class _Blocks:
    """Hands out rows in blocks until there are none left."""

    def __init__(self, feeds: Tensors) -> None:
        total = min(map(len, feeds.values()))
        self._blocks = (
            {name: values[start : start + _CALIBRATION_BATCH] for name, values in feeds.items()}
            for start in range(0, total, _CALIBRATION_BATCH)
        )

    def get_next(self) -> dict[str, NDArray[np.generic]] | None:
        return next(self._blocks, None)


def _tail(model: ModelProto) -> list[str]:
    """Return the nodes after the last weights: what the model answers is not rounded to 8 bits."""
    leading = {node.name for node in weighted_nodes(model)}
    needed: set[str] = set()
    tail = []
    for node in reversed(model.graph.node):
        if node.name in leading or needed.intersection(node.output):
            needed.update(node.input)
        else:
            tail.append(node.name)
    return tail


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what the tools log out of the caller's log, and from setting one up."""
    root = logging.getLogger()
    silent = logging.NullHandler()
    root.addHandler(silent)  # or logging.warning() would install a handler for standard error
    root.addFilter(_is_not_theirs)
    try:
        yield
    finally:
        root.removeFilter(_is_not_theirs)
        root.removeHandler(silent)


def _is_not_theirs(record: logging.LogRecord) -> bool:
    return Path(record.pathname).parent != Path(onnxruntime.__file__).parent / "quantization"
