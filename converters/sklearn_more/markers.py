"""Numbers that stand for missing ones."""

import numpy as np

from converters.sklearn_more.nodes import Nodes
from edge_contract.errors import UsageError

__all__ = ["is_missing", "is_number_marker"]


def is_number_marker(marker: object) -> bool:
    """Whether a number means "missing", and not NaN, ``None`` or ``pandas.NA``."""
    if isinstance(marker, bool) or not isinstance(marker, int | float | np.number):
        return False
    return not bool(np.isnan(marker))


def is_missing(nodes: Nodes, value: str, marker: object) -> str:
    """Return which values are missing: ``bool`` of the shape of ``value``.

    Devices give float32, so a marker of more digits, such as -999.1, is met there as the nearest
    float32, and compared as such; whole numbers that are given as such are compared exactly.

    Args:
        nodes: Where to write.
        value: The name of a tensor of float64.
        marker: A number, or NaN, ``None`` or ``pandas.NA``, all of which are NaN on a device.

    Raises:
        UsageError: The marker is none of these.
    """
    if marker is None or type(marker).__name__ == "NAType":
        return nodes("IsNaN", value)
    if isinstance(marker, bool) or not isinstance(marker, int | float | np.number):
        raise UsageError(
            f"missing values are marked by {marker!r}, which cannot be converted: mark them by NaN "
            "or by a number"
        )
    if not is_number_marker(marker):
        return nodes("IsNaN", value)
    if nodes.gets_whole_numbers:
        return nodes("Equal", value, float(marker))
    with np.errstate(over="ignore"):
        nearest = float(np.float32(marker))
    return nodes("Equal", nodes.cast(nodes.cast(value, "float32"), "float64"), nearest)
