"""Scalers that skl2onnx leaves a setting of out, or computes otherwise."""

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, Normalizer

from converters.sklearn_more.arithmetic import row_size
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(MaxAbsScaler)
def max_abs_scaler(nodes: Nodes, model: MaxAbsScaler) -> None:
    """Divide by the largest size, and clip if it is set to."""
    scaled = nodes("Div", nodes.x, np.asarray(model.scale_))
    if getattr(model, "clip", False):
        scaled = nodes("Max", nodes("Min", scaled, 1.0), -1.0)
    nodes.say_numbers(scaled)


@converts(Normalizer)
def normalizer(nodes: Nodes, model: Normalizer) -> None:
    """Divide each row by its size."""
    nodes.say_numbers(nodes("Div", nodes.x, row_size(nodes, nodes.x, model.norm)))
