"""A repair for scalers that stand before trees: they compute to the last bit as scikit-learn does.

A tree compares a scaled value with a threshold that lies between two scaled values of its training
rows. Scaled in another way, a value can end up on the other side, and every few dozen rows one
does. scikit-learn computes in float64, and in float32 for rows of float32.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from skl2onnx._supported_operators import _get_sklearn_operator_name
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from converters.sklearn_more.skl2onnx_types import Container, Operator, Scope
from converters.sklearn_trees import Hook

__all__ = ["SCALERS", "scaler_converters"]

SCALERS: Final = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)
"""Scalers that can be repaired."""


def scaler_converters(*, single: bool) -> dict[type, Hook]:
    """Return entries for skl2onnx's ``custom_conversion_functions``.

    Args:
        single: Do what scikit-learn does with rows of float32 and not with rows of float64.
    """
    return {
        kind: _exact(get_converter(_get_sklearn_operator_name(kind)), single=single)
        for kind in SCALERS
    }


def _exact(original: Hook, *, single: bool) -> Hook:
    def convert(scope: Scope, operator: Operator, container: Container) -> None:
        steps = list(_steps(getattr(operator, "raw_operator", None), single=single))
        inputs = getattr(operator, "inputs")  # noqa: B009  skl2onnx publishes no types
        if len(inputs) != 1 or not steps:
            original(scope, operator, container)
            return
        unique = getattr(scope, "get_unique_variable_name")  # noqa: B009
        add_node = getattr(container, "add_node")  # noqa: B009
        add_constant = getattr(container, "add_initializer")  # noqa: B009

        def added(kind: str, *names: str, **attributes: int) -> str:
            result: str = unique(kind.lower())
            add_node(kind, list(names), [result], name=unique(f"{kind}_node"), **attributes)
            return result

        value = added("Cast", inputs[0].full_name, to=TensorProto.DOUBLE)
        for position, (arithmetic, numbers) in enumerate(steps):
            if position and single:  # every step ends in the type of the rows
                value = added("Cast", value, to=TensorProto.FLOAT)
                value = added("Cast", value, to=TensorProto.DOUBLE)
            constant = unique("constant")
            add_constant(constant, TensorProto.DOUBLE, [1, len(numbers)], numbers.tolist())
            value = added(arithmetic, value, constant)
        output = getattr(operator, "outputs")[0].full_name  # noqa: B009
        is_wide = isinstance(inputs[0].type, DoubleTensorType)
        kind = TensorProto.DOUBLE if is_wide else TensorProto.FLOAT
        add_node("Cast", [value], [output], name=unique("narrow"), to=kind)

    return convert


def _steps(scaler: object, *, single: bool) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield a scaler's arithmetic, in scikit-learn's order."""
    match scaler:
        case StandardScaler():
            kind = np.float32 if single else np.float64  # this scaler rounds its numbers, too
            if scaler.with_mean:
                yield "Sub", scaler.mean_.astype(kind)
            if scaler.with_std:
                yield "Div", scaler.scale_.astype(kind)
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
