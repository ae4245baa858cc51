"""Which values are missing."""

import numpy as np
from sklearn.impute import MissingIndicator

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(MissingIndicator)
def missing_indicator(nodes: Nodes, model: MissingIndicator) -> None:
    """Give a one for a missing value of the columns that are watched."""
    watched = nodes.columns(nodes.x, np.asarray(model.features_))
    marker = model.missing_values
    if isinstance(marker, float) and np.isnan(marker):
        mask = nodes("IsNaN", watched)
    elif isinstance(marker, int | float | np.number):
        mask = nodes("Equal", watched, float(marker))
    else:
        raise UsageError(
            f"MissingIndicator with missing_values={marker!r} cannot be converted: "
            "use NaN or a number"
        )
    nodes.say_numbers(nodes.cast(mask, "float64"))
