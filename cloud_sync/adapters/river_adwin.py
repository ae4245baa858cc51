"""ADWIN of the library river, which finds changes of the error rate without a reference.

Comes with ``pip install 'edgefleet[drift]'``; without it nothing is missing where authors gave
truths when they converted, because then errors are compared with those.
"""

import importlib
import importlib.util
from typing import Final

from cloud_sync.core.alarms.base import Detector, DetectorKind
from cloud_sync.core.alarms.budget import AlarmBudget
from cloud_sync.core.alarms.change import ErrorChangeDetector
from cloud_sync.core.alarms.error_counts import error_counter
from cloud_sync.core.alarms.kinds import register
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import UsageError
from edge_contract.package import Role
from edge_contract.reading import JsonObject

__all__ = ["RiverAdwin", "register_if_installed"]

_WEIGHT: Final = 1.0
_CLOCK: Final = 32
_LOOKS: Final = 2


class RiverAdwin:
    """An ADWIN that looks for a change after every 32 numbers.

    Args:
        level: Probability of a false change in up to 64 numbers.

    Raises:
        UsageError: river is not installed.
    """

    def __init__(self, level: float) -> None:
        try:
            drift = importlib.import_module("river.drift")
        except ModuleNotFoundError as error:
            raise UsageError(
                "changes of the error rate need the library river: pip install 'edgefleet[drift]'"
            ) from error
        self._adwin = drift.ADWIN(delta=level / _LOOKS, clock=_CLOCK)

    @property
    def mean(self) -> float:
        """Mean since the last change."""
        return float(self._adwin.estimation)

    def update(self, value: float) -> bool:
        """Take in a number; return whether the mean has changed."""
        self._adwin.update(value)
        return bool(self._adwin.drift_detected)


def register_if_installed() -> bool:
    """List the kind ``change`` among the detectors, if river is there; return whether it is."""
    if importlib.util.find_spec("river") is None:
        return False
    register(DetectorKind("change", Role.LABELS, _WEIGHT, _made))
    return True


def _made(
    package: PackageFacts, budget: AlarmBudget, state: "JsonObject | None"
) -> Detector | None:
    if error_counter(package) is None:
        return None
    return ErrorChangeDetector(package, budget, state, make=RiverAdwin)
