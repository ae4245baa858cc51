"""Functions of numpy that ONNX has, alone and around a regressor's target."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
import scipy.special
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from converters.sklearn_more.answers import values_of
from converters.sklearn_more.arithmetic import expm1, log1p, sigmoid
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.piecewise import Piecewise
from converters.sklearn_more.power import power_inverse
from converters.sklearn_more.quantiles import quantile_inverse
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []

_Function: TypeAlias = Callable[[Nodes, str], str]

_LARGE: Final = 1e8
_TINY: Final = 0.01
_ARCTAN: Final = Piecewise.of(np.arctan, low=0.0, high=1.0, parts=16)


def _plain(kind: str) -> _Function:
    return lambda nodes, x: nodes(kind, x)


def _scaled_logarithm(base: float) -> _Function:
    return lambda nodes, x: nodes("Div", nodes("Log", x), float(np.log(base)))


def _sinh(nodes: Nodes, x: str) -> str:
    rising, falling = expm1(nodes, x), expm1(nodes, nodes("Neg", x))
    return nodes("Mul", nodes("Sub", rising, falling), 0.5)


def _cosh(nodes: Nodes, x: str) -> str:
    return nodes("Mul", nodes("Add", nodes("Exp", x), nodes("Exp", nodes("Neg", x))), 0.5)


def _arcsinh(nodes: Nodes, x: str) -> str:
    """Return ``log(x + sqrt(x * x + 1))`` with all its digits, also near 0 and below."""
    size = nodes("Abs", x)
    small = nodes("Min", size, _LARGE)
    square = nodes("Mul", small, small)
    root = nodes("Add", nodes("Sqrt", nodes("Add", square, 1.0)), 1.0)
    near = log1p(nodes, nodes("Add", small, nodes("Div", square, root)))
    far = nodes("Add", nodes("Log", size), float(np.log(2.0)))
    return nodes("Mul", nodes("Sign", x), nodes("Where", nodes("Less", size, _LARGE), near, far))


def _arctan(nodes: Nodes, x: str) -> str:
    size = nodes("Abs", x)
    is_large = nodes("Greater", size, 1.0)
    inside = nodes("Where", is_large, nodes("Reciprocal", size), size)
    square = nodes("Mul", inside, inside)
    series = nodes("Sub", nodes("Div", square, 5.0), 1.0 / 3.0)
    series = nodes("Add", nodes("Mul", series, square), 1.0)
    is_small = nodes("Less", inside, _TINY)
    angle = nodes("Where", is_small, nodes("Mul", inside, series), _ARCTAN.write(nodes, inside))
    turned = nodes("Where", is_large, nodes("Sub", float(np.pi / 2), angle), angle)
    return nodes("Mul", nodes("Sign", x), turned)


_FUNCTIONS: Final[dict[object, _Function]] = {
    None: lambda _nodes, x: x,
    np.abs: _plain("Abs"),
    np.arcsinh: _arcsinh,
    np.arctan: _arctan,
    np.cbrt: lambda nodes, x: nodes(
        "Mul", nodes("Sign", x), nodes("Pow", nodes("Abs", x), 1.0 / 3.0)
    ),
    np.ceil: _plain("Ceil"),
    np.cos: _plain("Cos"),
    np.cosh: _cosh,
    np.deg2rad: lambda nodes, x: nodes("Mul", x, float(np.pi / 180)),
    np.exp: _plain("Exp"),
    np.exp2: lambda nodes, x: nodes("Pow", 2.0, x),
    np.expm1: expm1,
    np.fabs: _plain("Abs"),
    np.floor: _plain("Floor"),
    np.isnan: lambda nodes, x: nodes.cast(nodes("IsNaN", x), "float64"),
    np.log: _plain("Log"),
    np.log10: _scaled_logarithm(10.0),
    np.log1p: log1p,
    np.log2: _scaled_logarithm(2.0),
    np.negative: _plain("Neg"),
    np.rad2deg: lambda nodes, x: nodes("Mul", x, float(180 / np.pi)),
    np.radians: lambda nodes, x: nodes("Mul", x, float(np.pi / 180)),
    np.reciprocal: _plain("Reciprocal"),
    np.rint: _plain("Round"),
    np.sign: _plain("Sign"),
    np.sin: _plain("Sin"),
    np.sinh: _sinh,
    np.sqrt: _plain("Sqrt"),
    np.square: lambda nodes, x: nodes("Mul", x, x),
    np.tanh: _plain("Tanh"),
    scipy.special.expit: sigmoid,
    scipy.special.logit: lambda nodes, x: nodes(
        "Sub", nodes("Log", x), nodes("Log", nodes("Sub", 1.0, x))
    ),
}


@converts(FunctionTransformer)
def function_transformer(nodes: Nodes, model: FunctionTransformer) -> None:
    """Apply the function to every value."""
    if model.kw_args:
        raise UsageError(
            f"FunctionTransformer with kw_args={model.kw_args!r} cannot be converted: use a "
            "function that needs none, or leave the step out and change the rows before the model"
        )
    nodes.say_numbers(_applied(nodes, model.func, nodes.x))


@converts(TransformedTargetRegressor)
def transformed_target_regressor(nodes: Nodes, model: TransformedTargetRegressor) -> None:
    """Predict, and turn the target back."""
    value = values_of(nodes, model.regressor_)
    nodes.say_numbers(_turned_back(nodes, model.transformer_, value))


def _turned_back(nodes: Nodes, transformer: BaseEstimator, value: str) -> str:
    match transformer:
        case FunctionTransformer() if not transformer.inv_kw_args:
            return _applied(nodes, transformer.inverse_func, value)
        case StandardScaler():
            scaled = nodes("Mul", value, transformer.scale_) if transformer.with_std else value
            return nodes("Add", scaled, transformer.mean_) if transformer.with_mean else scaled
        case RobustScaler():
            scaled = nodes("Mul", value, transformer.scale_) if transformer.with_scaling else value
            return (
                nodes("Add", scaled, transformer.center_) if transformer.with_centering else scaled
            )
        case MinMaxScaler():
            return nodes("Div", nodes("Sub", value, transformer.min_), transformer.scale_)
        case MaxAbsScaler():
            return nodes("Mul", value, transformer.scale_)
        case PowerTransformer():
            return power_inverse(nodes, transformer, value)
        case QuantileTransformer():
            return quantile_inverse(nodes, transformer, value)
        case _:
            raise UsageError(
                f"a target transformed by {type(transformer).__name__} cannot be turned back on a "
                "device: use a scaler, a PowerTransformer, a QuantileTransformer or a function of "
                "numpy"
            )


def _applied(nodes: Nodes, function: object, value: str) -> str:
    found = _FUNCTIONS.get(function)
    if found is None:
        known = ", ".join(getattr(key, "__name__", "") for key in _FUNCTIONS if key is not None)
        raise UsageError(
            f"the function {function!r} cannot be converted; known are {known}: use these, or "
            "leave the step out and change the rows before the model"
        )
    return found(nodes, value)
