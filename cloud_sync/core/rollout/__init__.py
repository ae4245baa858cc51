"""Rollouts: a new version goes out in stages, and comes back by itself when it is bad."""

from cloud_sync.core.rollout.all_at_once import AllAtOnce
from cloud_sync.core.rollout.base import STRATEGIES, Mode, RolloutStrategy, Stage, register
from cloud_sync.core.rollout.blue_green import BlueGreen
from cloud_sync.core.rollout.canary import Canary
from cloud_sync.core.rollout.controller import RolloutController
from cloud_sync.core.rollout.effects import (
    Assign,
    Happened,
    RolloutEffect,
    SetStable,
    TryAgain,
)
from cloud_sync.core.rollout.execution_life import ExecutionState
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.rollout_life import RolloutState
from cloud_sync.core.rollout.shadow import Shadow
from cloud_sync.core.rollout.stage_life import StageState
from cloud_sync.core.rollout.steps import GateRule, Step
from cloud_sync.core.rollout.transitions import InvalidTransitionError
from cloud_sync.core.rollout.views import RolloutSummary, StageSummary

__all__ = [
    "STRATEGIES",
    "AllAtOnce",
    "Assign",
    "BlueGreen",
    "Canary",
    "ExecutionState",
    "GateRule",
    "Happened",
    "InvalidTransitionError",
    "Mode",
    "RolloutController",
    "RolloutEffect",
    "RolloutPlan",
    "RolloutState",
    "RolloutStrategy",
    "RolloutSummary",
    "SetStable",
    "Shadow",
    "Stage",
    "StageState",
    "StageSummary",
    "Step",
    "TryAgain",
    "register",
]
