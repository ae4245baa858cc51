"""Routes of rollouts: begin, watch, steer."""

import enum
from itertools import pairwise
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

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
    page_of,
    view_answer,
)
from cloud_sync.backend import PreflightView, RolloutOrder, RolloutView
from cloud_sync.core.rollout import GateRule, RolloutPlan, Step

__all__ = ["RolloutAction", "rollout_routes"]

rollout_routes = APIRouter(tags=["rollouts"])

_RolloutId = Annotated[str, Path(pattern="^[0-9A-Za-z_.@-]{1,160}$")]
_Fraction = Annotated[float, Field(gt=0, le=1)]
_Share = Annotated[float, Field(gt=0, lt=1)]
_Rows = Annotated[int, Field(ge=0, le=10**12)]
_Seconds = Annotated[float, Field(ge=0, le=366 * 86_400)]


class RolloutAction(enum.Enum):
    """What an operator may do with a rollout."""

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    ABORT = "abort"
    ROLLBACK = "rollback"
    APPROVE = "approve"


class GateRequest(BaseModel):
    """What the plan changes about one gate; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    min_rows: _Rows = 0
    max_wait_s: _Seconds = 0.0
    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    on_fail: Literal["", "pause", "abort", "rollback"] = ""
    required: bool | None = None
    off: bool = False

    def rule(self) -> GateRule:
        """Return it as the core takes it."""
        return GateRule(**self.model_dump())


_Gates = Annotated[dict[str, GateRequest], Field(max_length=50)]


class StepRequest(BaseModel):
    """One widening: a share or a number of devices, and rules of its own."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    count: Annotated[int, Field(ge=0, le=10**7)] = 0
    bake_s: _Seconds = 0.0
    max_wait_s: _Seconds = 0.0
    min_rows: _Rows = 0
    approval: bool = False
    gates: _Gates = {}

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if bool(self.fraction) == bool(self.count):
            raise ValueError("a step names a fraction or a count of devices, not both")
        return self

    def step(self) -> Step:
        """Return it as the core takes it."""
        fields = self.model_dump(exclude={"gates"})
        return Step(**fields, gates={name: one.rule() for name, one in self.gates.items()})


def _kind_of(step: object) -> str:
    return "step" if isinstance(step, dict | StepRequest) else "fraction"


_AnyStep = Annotated[
    Annotated[_Fraction, Tag("fraction")] | Annotated[StepRequest, Tag("step")],
    Discriminator(_kind_of),
]


class RolloutRequest(BaseModel):
    """What to roll out and how; what is left out takes the strategy's default."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: ModelName
    version: VersionText
    strategy: Annotated[str, Field(pattern="^[a-z][a-z-]{0,31}$")] = "canary"
    steps: Annotated[list[_AnyStep], Field(max_length=20)] = []
    shadow: bool = True
    bake_s: _Seconds = 0.0
    max_wait_s: _Seconds = 0.0
    min_rows: _Rows = 0
    approval: bool = False
    gates: _Gates = {}
    target: Annotated[
        str,
        Field(
            max_length=2000,
            description='Whom it is for: a filter, `tag.site == "oslo"`, or `group:NAME`',
        ),
    ] = ""
    start_at_unix_s: Annotated[float, Field(ge=0, le=4e9)] = 0.0
    windows: Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)] = []
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    devices_per_minute: Annotated[float, Field(ge=0, le=1e7)] = 0.0
    max_in_flight: Annotated[int, Field(ge=0, le=10**7)] = 0
    penalty_s: _Seconds = 0.0
    detect: Annotated[float, Field(ge=0, lt=1)] = 0.0
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.0
    alpha: _Share = 0.01
    beta: _Share = 0.05
    drift_margin: _Share = 0.1
    min_agreement: _Share = 0.8
    failure_margin: _Share = 0.01
    latency_margin: Annotated[float, Field(ge=0, le=100)] = 0.5
    latency_floor_ms: Annotated[float, Field(ge=0, le=1e6)] = 1.0
    delivered_share: _Share = 0.9
    unhealthy_share: _Share = 0.1
    baseline_s: _Seconds = 0.0
    trial_calls: Annotated[int, Field(ge=0, le=10**7)] = 0
    trial_s: _Seconds = 0.0
    notify_s: _Seconds = 0.0
    progress_s: _Seconds = 0.0
    supersede: bool = False
    force: bool = False

    @field_validator("steps")
    @classmethod
    def _rise(cls, steps: list[float | StepRequest]) -> list[float | StepRequest]:
        shares = [step for step in steps if isinstance(step, float)]
        if any(left >= right for left, right in pairwise(shares)):
            raise ValueError(f"steps must rise, got {shares}")
        return steps

    def order(self) -> RolloutOrder:
        """Return it as the backend takes it.

        Raises:
            UsageError: The parts do not fit together.
        """
        fields = self.model_dump(exclude={"steps", "gates", "supersede", "force"})
        plan = RolloutPlan(
            **fields,
            steps=[one.step() if isinstance(one, StepRequest) else one for one in self.steps],
            gates={name: one.rule() for name, one in self.gates.items()},
        )
        return RolloutOrder(plan, supersede=self.supersede, force=self.force)


@rollout_routes.get("/rollouts", responses=described_list(RolloutView))
def rollouts(
    backend: Backend, after: Annotated[str, Query(max_length=200)] = "", limit: Limit = 100
) -> Response:
    """Return rollouts, newest first, from the first one past ``after``."""
    found = backend.rollouts()
    page, following = page_of(found, [one.rollout_id for one in found], after, limit)
    return list_answer(page, after=following)


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


@rollout_routes.post(
    "/rollouts/preview",
    dependencies=[NEEDS_JSON],
    responses=described(PreflightView),
)
def preview(backend: Backend, request: RolloutRequest) -> Response:
    """Say what would come of a rollout: who is in which stage, what stages see, what is wrong."""
    return view_answer(backend.examine_rollout(request.order()))


@rollout_routes.get("/rollouts/{rollout_id}", responses=described(RolloutView))
def rollout(backend: Backend, rollout_id: _RolloutId) -> Response:
    """Return one rollout with its stages and history; ``latest`` names the newest."""
    return view_answer(backend.rollout(rollout_id))


@rollout_routes.post("/rollouts/{rollout_id}/{action}", responses=described(RolloutView))
def steer(backend: Backend, by: Author, rollout_id: _RolloutId, action: RolloutAction) -> Response:
    """Pause, resume, retry, abort, roll back or approve; returns where it stands then."""
    return view_answer(backend.steer_rollout(rollout_id, action.value, by=by))
