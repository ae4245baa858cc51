"""All kinds of detectors. To add one: write its file beside this one and a line here.

A kind whose library is optional is listed by its adapter, with :func:`register`.
"""

from typing import Final

from cloud_sync.core.alarms.base import DetectorKind
from cloud_sync.core.alarms.concept import concept_detector
from cloud_sync.core.alarms.detector import DriftDetector
from cloud_sync.core.alarms.joint import joint_detector
from edge_contract.package import Role

__all__ = ["KINDS", "register", "role_of", "share_of"]

KINDS: Final[list[DetectorKind]] = [
    DetectorKind("drift", Role.PRIMARY, 4.0, DriftDetector),
    DetectorKind("joint", Role.PRIMARY, 1.0, joint_detector),
    DetectorKind("concept", Role.LABELS, 1.0, concept_detector),
]
"""The weights of all kinds share out the budget, whether a package has use for a kind or not."""


def register(kind: DetectorKind) -> None:
    """List a kind; one of its name that is listed already stays."""
    if kind.name not in {each.name for each in KINDS}:
        KINDS.append(kind)


def role_of(name: str) -> str:
    """Return the role whose counts a kind takes; of a kind that is not listed any more, primary."""
    return next((kind.role for kind in KINDS if kind.name == name), Role.PRIMARY)


def share_of(kind: DetectorKind) -> float:
    """Return a kind's part of the budget, 0 to 1."""
    return kind.weight / sum(each.weight for each in KINDS)
