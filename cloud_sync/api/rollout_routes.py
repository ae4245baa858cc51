"""Routes of rollouts: begin, watch, steer."""

import enum
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from cloud_sync.api.answering import (
    NEEDS_JSON,
    Author,
    Backend,
    Limit,
    ModelName,
    VersionText,
    described,
    described_list,
    list_answer,
    view_answer,
)
from cloud_sync.backend import RolloutOrder, RolloutView

__all__ = ["RolloutAction", "rollout_routes"]

rollout_routes = APIRouter(tags=["rollouts"])

_RolloutId = Annotated[str, Path(pattern="^[0-9A-Za-z_.@-]{1,160}$")]
_Fraction = Annotated[float, Field(gt=0, le=1)]
_Seconds = Annotated[float, Field(ge=0, le=366 * 86_400)]


class RolloutAction(enum.Enum):
    """What an operator may do with a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"
    ROLLBACK = "rollback"
    APPROVE = "approve"


class RolloutRequest(BaseModel):
    """What to roll out and how; what is left out takes the strategy's default."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    model: ModelName
    version: VersionText
    strategy: Annotated[str, Field(pattern="^[a-z][a-z-]{0,31}$")] = "canary"
    steps: Annotated[list[_Fraction], Field(max_length=20)] = []
    shadow: bool = True
    bake_s: _Seconds = 0.0
    max_wait_s: _Seconds = 0.0
    min_rows: Annotated[int, Field(ge=0, le=10**12)] = 0
    approval: bool = False

    @field_validator("steps")
    @classmethod
    def _rise(cls, steps: list[float]) -> list[float]:
        if any(left >= right for left, right in pairwise(steps)):
            raise ValueError(f"steps must rise, got {steps}")
        return steps

    def order(self) -> RolloutOrder:
        """Return it as the backend takes it."""
        return RolloutOrder(
            model=self.model,
            version=self.version,
            strategy=self.strategy,
            steps=tuple(self.steps),
            shadow=self.shadow,
            bake_s=self.bake_s,
            max_wait_s=self.max_wait_s,
            min_rows=self.min_rows,
            approval=self.approval,
        )


@rollout_routes.get("/rollouts", responses=described_list(RolloutView))
def rollouts(backend: Backend, limit: Limit = 100) -> Response:
    """Return rollouts, newest first."""
    return list_answer(backend.rollouts()[:limit])


@rollout_routes.post(
    "/rollouts",
    status_code=201,
    dependencies=[NEEDS_JSON],
    responses=described(RolloutView, status=201),
)
def start(backend: Backend, by: Author, request: RolloutRequest) -> Response:
    """Begin to roll a version out."""
    rollout = backend.start_rollout(request.order(), by=by)
    return view_answer(rollout, status=201, location=f"/api/v1/rollouts/{rollout.rollout_id}")


@rollout_routes.get("/rollouts/{rollout_id}", responses=described(RolloutView))
def rollout(backend: Backend, rollout_id: _RolloutId) -> Response:
    """Return one rollout with its stages and history; ``latest`` names the newest."""
    return view_answer(backend.rollout(rollout_id))


@rollout_routes.post("/rollouts/{rollout_id}/{action}", responses=described(RolloutView))
def steer(backend: Backend, by: Author, rollout_id: _RolloutId, action: RolloutAction) -> Response:
    """Pause, resume, abort, roll back or approve; returns where the rollout stands then."""
    return view_answer(backend.steer_rollout(rollout_id, action.value, by=by))
