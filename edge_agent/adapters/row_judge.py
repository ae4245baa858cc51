"""What a row's answer counts as, read from its memory: the class and the score of the ring.

Says what :class:`edge_agent.adapters.outputs.OutputDecoder` says, without making arrays.
"""

import math
import struct
from collections.abc import Callable
from math import isnan
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from edge_contract.package import Manifest, OutputRole, Task, TensorSpec

if TYPE_CHECKING:
    from edge_agent.adapters.row_memory import RowLayout, RowMemory

__all__ = ["Judge", "judge_of"]

Judge: TypeAlias = "Callable[[RowMemory], tuple[float, float]]"
"""Returns class and score of the row in a memory; NaN stands for what there is not."""


def judge_of(manifest: Manifest, layout: "RowLayout") -> "Judge | None":
    """Return the judge of a model's rows; ``None`` if the answers cannot be read as numbers."""
    if manifest.task not in (Task.BINARY, Task.MULTICLASS):
        return _number(manifest, layout)
    probabilities = manifest.output(OutputRole.PROBABILITIES)
    if probabilities is None:
        return _given(manifest, layout)
    first = _float_at(probabilities, layout)
    if first is None or probabilities.shape[1:] != (len(manifest.classes),):
        return None
    if manifest.threshold is not None:
        return _over_threshold(first, manifest.threshold)
    if manifest.output(OutputRole.LABEL) is None:
        return _largest(first, len(manifest.classes))
    return _given(manifest, layout, first)


def _number(manifest: Manifest, layout: "RowLayout") -> "Judge | None":
    value = manifest.output(OutputRole.VALUE)
    if value is None:
        return lambda _memory: (math.nan, math.nan)
    place = _float_at(value, layout)
    return None if place is None else lambda memory: (math.nan, memory.numbers[place])


def _over_threshold(first: int, threshold: float) -> "Judge":
    rounded = float(np.float32(threshold))  # as comparing with float32 does

    def judge(memory: "RowMemory") -> tuple[float, float]:
        index = 1 if memory.numbers[first + 1] >= rounded else 0
        return index, memory.numbers[first + index]

    return judge


def _largest(first: int, classes: int) -> "Judge":
    unpack, begin = struct.Struct(f"{classes}f").unpack_from, 4 * first

    def judge(memory: "RowMemory") -> tuple[float, float]:
        probabilities: tuple[float, ...] = unpack(memory.memory, begin)
        score = max(probabilities)
        if isnan(sum(probabilities)):
            score = next(number for number in probabilities if math.isnan(number))
        return probabilities.index(score), score

    return judge


def _given(manifest: Manifest, layout: "RowLayout", first: int | None = None) -> "Judge | None":
    """Judge by the label that the model gives."""
    label = manifest.output(OutputRole.LABEL)
    if label is None or label.element_type != "int64" or len(label.shape) != 1:
        return None
    label_at = layout.place(label.name) // 8
    index_of = {label: index for index, label in enumerate(manifest.classes)}
    last = len(manifest.classes) - 1
    is_index = list(manifest.classes) == list(range(last + 1))

    def judge(memory: "RowMemory") -> tuple[float, float]:
        index = memory.wholes[label_at]
        if not is_index:
            index = index_of.get(index, -1)
        if first is None:
            return index, math.nan
        if 0 <= index <= last:
            return index, memory.numbers[first + index]
        return index, memory.numbers[first + (0 if index < 0 else last)]

    return judge


def _float_at(tensor: TensorSpec, layout: "RowLayout") -> int | None:
    """Return which float32 of the memory is the first of an output; ``None`` for other types."""
    return layout.place(tensor.name) // 4 if tensor.element_type == "float32" else None
