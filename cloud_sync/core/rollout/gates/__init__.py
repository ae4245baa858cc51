"""Gates: the questions that a stage must answer well. Importing this lists every one of them."""

from cloud_sync.core.rollout.gates.agreement import ShadowAgreement
from cloud_sync.core.rollout.gates.balance import Balance
from cloud_sync.core.rollout.gates.base import (
    GATES,
    Gate,
    GateResult,
    OnFail,
    Verdict,
    register,
)
from cloud_sync.core.rollout.gates.baseline import Baseline
from cloud_sync.core.rollout.gates.delivery import Delivery
from cloud_sync.core.rollout.gates.drift import DriftAgainstControl
from cloud_sync.core.rollout.gates.estimate import LabelFreeEstimate
from cloud_sync.core.rollout.gates.labelled import LabelledQuality
from cloud_sync.core.rollout.gates.latency import Latency
from cloud_sync.core.rollout.gates.safety import Safety

__all__ = [
    "GATES",
    "Balance",
    "Baseline",
    "Delivery",
    "DriftAgainstControl",
    "Gate",
    "GateResult",
    "LabelFreeEstimate",
    "LabelledQuality",
    "Latency",
    "OnFail",
    "Safety",
    "ShadowAgreement",
    "Verdict",
    "register",
]
