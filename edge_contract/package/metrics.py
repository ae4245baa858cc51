"""Metrics of quality: which of two numbers is the better one."""

from typing import Final

__all__ = ["LOWER_IS_BETTER", "gain_over"]

LOWER_IS_BETTER: Final = frozenset({"mae", "rmse", "mse", "bias", "calibration_error"})
"""Metrics of which less, below or above zero, is better; of all others more is."""


def gain_over(metric: str, baseline: float, measured: float) -> float:
    """Return by how much ``measured`` is better than ``baseline``, below 0 if it is worse.

    Args:
        metric: Its name, as in evidence: ``f1``, ``rmse``.
        baseline: In the metric's unit.
        measured: The same.
    """
    if metric in LOWER_IS_BETTER:
        return abs(baseline) - abs(measured)
    return measured - baseline
