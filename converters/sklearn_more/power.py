"""Power transforms, both ways."""

from typing import Final

import numpy as np
from sklearn.preprocessing import PowerTransformer

from converters.sklearn_more.arithmetic import expm1, log1p
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__ = ["power_inverse"]

_NO_POWER: Final = float(np.finfo(np.float64).eps)


@converts(PowerTransformer)
def power_transformer(nodes: Nodes, model: PowerTransformer) -> None:
    """Make columns more like a normal distribution."""
    change = _box_cox if model.method == "box-cox" else _yeo_johnson
    columns = [
        change(nodes, nodes.column(nodes.x, index), float(power))
        for index, power in enumerate(model.lambdas_)
    ]
    changed = nodes.rounded(nodes("Concat", *columns, axis=1))
    if model.standardize:
        scaler = model._scaler
        changed = nodes.rounded(nodes("Sub", changed, scaler.mean_))
        changed = nodes("Div", changed, scaler.scale_)
    nodes.say_numbers(changed)


def power_inverse(nodes: Nodes, model: PowerTransformer, value: str) -> str:
    """Return what ``inverse_transform`` gives of ``value``; both ``float64[batch, columns]``."""
    if model.standardize:
        scaler = model._scaler
        value = nodes("Add", nodes("Mul", value, scaler.scale_), scaler.mean_)
    back = _box_cox_inverse if model.method == "box-cox" else _yeo_johnson_inverse
    columns = [
        back(nodes, nodes.column(value, index), float(power))
        for index, power in enumerate(model.lambdas_)
    ]
    return nodes("Concat", *columns, axis=1)


def _box_cox(nodes: Nodes, x: str, power: float) -> str:
    return _raised(nodes, nodes("Log", x), power)


def _raised(nodes: Nodes, logarithm: str, power: float) -> str:
    """Return ``(x ** power - 1) / power`` of a logarithm of ``x``, as scipy computes it."""
    if abs(power) < _NO_POWER:
        return logarithm
    return nodes("Div", expm1(nodes, nodes("Mul", logarithm, power)), power)


def _yeo_johnson(nodes: Nodes, x: str, power: float) -> str:
    above, below = nodes("Max", x, 0.0), nodes("Neg", nodes("Min", x, 0.0))
    risen = _raised(nodes, log1p(nodes, above), power)
    fallen = nodes("Neg", _raised(nodes, log1p(nodes, below), 2.0 - power))
    changed = nodes("Where", nodes("GreaterOrEqual", x, 0.0), risen, fallen)
    return nodes("Where", nodes("IsNaN", x), np.nan, changed)


def _box_cox_inverse(nodes: Nodes, y: str, power: float) -> str:
    if power == 0:
        return nodes("Exp", y)
    return nodes("Pow", nodes("Add", nodes("Mul", y, power), 1.0), 1.0 / power)


def _yeo_johnson_inverse(nodes: Nodes, y: str, power: float) -> str:
    above = nodes("Sub", _box_cox_inverse(nodes, nodes("Max", y, 0.0), power), 1.0)
    fallen = nodes("Neg", nodes("Min", y, 0.0))
    below = nodes("Sub", 1.0, _box_cox_inverse(nodes, fallen, 2.0 - power))
    return nodes("Where", nodes("GreaterOrEqual", y, 0.0), above, below)
