"""All kinds of detectors. To add one: write its file beside this one and a line here."""

from typing import Final

from cloud_sync.core.alarms.base import DetectorKind
from cloud_sync.core.alarms.detector import DriftDetector
from edge_contract.package import Role

__all__ = ["KINDS", "share_of"]

KINDS: Final = (DetectorKind("drift", Role.PRIMARY, 4.0, DriftDetector),)
"""The weights of all kinds share out the budget, whether a package has use for a kind or not."""


def share_of(kind: DetectorKind) -> float:
    """Return a kind's part of the budget, 0 to 1."""
    return kind.weight / sum(each.weight for each in KINDS)
