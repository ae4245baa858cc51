"""Which values are missing."""

import numpy as np
from sklearn.impute import MissingIndicator

from converters.sklearn_more.markers import is_missing
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(MissingIndicator)
def missing_indicator(nodes: Nodes, model: MissingIndicator) -> None:
    """Give a one for a missing value of the columns that are watched."""
    watched = nodes.columns(nodes.x, np.asarray(model.features_))
    missing = is_missing(nodes, watched, model.missing_values)
    nodes.say_numbers(nodes.cast(missing, "float64"))
