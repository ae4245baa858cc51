"""Power transforms, both ways; the logarithms and powers are those of scipy, which keep digits."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import PowerTransformer

from converters.sklearn_more.arithmetic import expm1, log1p
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__ = ["power_inverse"]

_NO_POWER: Final = float(np.finfo(np.float64).eps)

Powers = NDArray[np.float64]
"""One for each column: ``[1, columns]``."""


@converts(PowerTransformer)
def power_transformer(nodes: Nodes, model: PowerTransformer) -> None:
    """Make columns more like a normal distribution."""
    is_box_cox = model.method == "box-cox"
    powers = _powers(model)
    changed = (
        _raised(nodes, nodes("Log", nodes.x), powers)
        if is_box_cox
        else _yeo_johnson(nodes, nodes.x, powers)
    )
    changed = nodes.rounded(changed)
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
    back = _lowered if model.method == "box-cox" else _yeo_johnson_inverse
    return back(nodes, value, _powers(model))


def _powers(model: PowerTransformer) -> Powers:
    return np.asarray(model.lambdas_, dtype=np.float64).reshape(1, -1)


def _yeo_johnson(nodes: Nodes, x: str, powers: Powers) -> str:
    above, below = nodes("Max", x, 0.0), nodes("Neg", nodes("Min", x, 0.0))
    risen = _raised(nodes, log1p(nodes, above), powers)
    fallen = nodes("Neg", _raised(nodes, log1p(nodes, below), 2.0 - powers))
    changed = nodes("Where", nodes("GreaterOrEqual", x, 0.0), risen, fallen)
    return nodes("Where", nodes("IsNaN", x), np.nan, changed)


def _yeo_johnson_inverse(nodes: Nodes, y: str, powers: Powers) -> str:
    above = nodes("Sub", _lowered(nodes, nodes("Max", y, 0.0), powers), 1.0)
    fallen = nodes("Neg", nodes("Min", y, 0.0))
    below = nodes("Sub", 1.0, _lowered(nodes, fallen, 2.0 - powers))
    return nodes("Where", nodes("GreaterOrEqual", y, 0.0), above, below)


def _raised(nodes: Nodes, logarithm: str, powers: Powers) -> str:
    """Return ``(x ** power - 1) / power`` of logarithms of ``x``; they are it for no power."""
    is_nothing = np.abs(powers) < _NO_POWER
    usable = np.where(is_nothing, 1.0, powers)
    raised = nodes("Div", expm1(nodes, nodes("Mul", logarithm, usable)), usable)
    return nodes("Where", is_nothing, logarithm, raised) if is_nothing.any() else raised


def _lowered(nodes: Nodes, y: str, powers: Powers) -> str:
    """Return what :func:`_raised` makes ``y`` of."""
    is_nothing = np.abs(powers) < _NO_POWER
    usable = np.where(is_nothing, 1.0, powers)
    lowered = nodes("Pow", nodes("Add", nodes("Mul", y, usable), 1.0), 1.0 / usable)
    return nodes("Where", is_nothing, nodes("Exp", y), lowered) if is_nothing.any() else lowered
