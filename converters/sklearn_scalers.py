"""A repair for scalers that stand before trees: they compute to the last bit as scikit-learn does.

A tree compares a scaled value with a threshold that lies between two scaled values of its training
rows. Scaled in another way, a value can end up on the other side, and every few dozen rows one
does. scikit-learn computes in float64, and in float32 for rows of float32.
"""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.skl2onnx_types import Container, Operator, Scope
from converters.sklearn_trees import Hook

__all__ = ["SCALERS", "scaler_converters"]

SCALERS: Final = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)
"""Scalers that can be repaired."""


def scaler_converters(is_single: Callable[[object], bool]) -> dict[type, Hook]:
    """Return entries for skl2onnx's ``custom_conversion_functions``.

    Args:
        is_single: Whether a scaler does what scikit-learn does with rows of float32, and not with
            rows of float64.
    """

    def convert(scope: Scope, operator: Operator, container: Container) -> None:
        scaler = operator.raw_operator
        single = is_single(scaler)
        nodes = Nodes(scope, operator, container, single=single)
        value = nodes.x
        for arithmetic, numbers in _steps(scaler, single=single):
            value = nodes.rounded(nodes(arithmetic, value, numbers.reshape(1, -1)))
        nodes.say_numbers(value)

    return dict.fromkeys(SCALERS, convert)


def _steps(scaler: BaseEstimator, *, single: bool) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield a scaler's arithmetic, in scikit-learn's order."""
    match scaler:
        case StandardScaler():
            kind = np.float32 if single else np.float64  # this scaler rounds its numbers, too
            if scaler.with_mean:
                yield "Sub", scaler.mean_.astype(kind).astype(np.float64)
            if scaler.with_std:
                yield "Div", scaler.scale_.astype(kind).astype(np.float64)
        case RobustScaler():
            if scaler.with_centering:
                yield "Sub", scaler.center_
            if scaler.with_scaling:
                yield "Div", scaler.scale_
        case MinMaxScaler():
            yield "Mul", scaler.scale_
            yield "Add", scaler.min_
        case MaxAbsScaler():
            yield "Div", scaler.scale_
    if isinstance(scaler, MinMaxScaler | MaxAbsScaler) and getattr(scaler, "clip", False):
        low, high = getattr(scaler, "feature_range", (-1.0, 1.0))
        yield "Max", np.full(scaler.scale_.shape, float(low))
        yield "Min", np.full(scaler.scale_.shape, float(high))
