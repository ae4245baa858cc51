"""Puts the API together: routes, guard, problems and the OpenAPI document."""

from importlib import metadata
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from cloud_sync.api.access_routes import access_routes
from cloud_sync.api.answering import PROBLEM
from cloud_sync.api.cell_routes import cell_routes
from cloud_sync.api.command_routes import command_routes
from cloud_sync.api.doors import API, Doors
from cloud_sync.api.enrolment_routes import enrolment_routes
from cloud_sync.api.etags import EtagMiddleware
from cloud_sync.api.events import RevisionFeed
from cloud_sync.api.fleet_routes import fleet_routes
from cloud_sync.api.group_routes import group_routes
from cloud_sync.api.guard import Guard
from cloud_sync.api.idempotency import IdempotencyMiddleware
from cloud_sync.api.json_views import view_schemas
from cloud_sync.api.metrics import Metrics, RequestMeter, metrics_routes
from cloud_sync.api.model_routes import model_routes
from cloud_sync.api.page_routes import page_routes
from cloud_sync.api.problems import add_problem_handlers, problem_schema
from cloud_sync.api.rollout_routes import rollout_routes
from cloud_sync.api.sample_routes import sample_routes
from cloud_sync.api.sessions import Sessions
from cloud_sync.api.settings import ApiSettings
from cloud_sync.api.system_routes import system_routes
from cloud_sync.api.trust_routes import trust_routes
from cloud_sync.backend import (
    AlarmView,
    AuditView,
    CloudBackend,
    CommandDeviceView,
    CommandView,
    CredentialView,
    DeviceView,
    ErasureView,
    GroupView,
    JoinTokenView,
    LabelsView,
    ModelView,
    NewJoinTokenView,
    NewTokenView,
    PinView,
    PreflightView,
    QuarantineView,
    RolloutView,
    SampleFileView,
    StatisticsView,
    SummaryView,
    TokenView,
    VersionView,
)
from cloud_sync.cell_views import CellStateView, CellView, CellWindowView
from cloud_sync.dashboard.routes import dashboard_routes

__all__ = ["CloudApi", "create_app"]

_VIEWS = (
    AlarmView,
    AuditView,
    CellStateView,
    CellView,
    CellWindowView,
    CommandDeviceView,
    CommandView,
    CredentialView,
    DeviceView,
    ErasureView,
    GroupView,
    JoinTokenView,
    ModelView,
    NewJoinTokenView,
    NewTokenView,
    PinView,
    PreflightView,
    QuarantineView,
    LabelsView,
    RolloutView,
    SampleFileView,
    StatisticsView,
    SummaryView,
    TokenView,
    VersionView,
)


_ROUTES = (
    fleet_routes,
    group_routes,
    command_routes,
    model_routes,
    rollout_routes,
    access_routes,
    trust_routes,
    enrolment_routes,
    sample_routes,
    cell_routes,
    system_routes,
)


_KEPT_NOWHERE = tuple(
    f"{API}/{name}" for name in ("models", "tokens", "join-tokens", "enrolment", "enrolment/renew")
)
"""Whose answers are not kept: a package may come twice without harm, a secret is kept nowhere."""


class CloudApi(FastAPI):
    """The app; its OpenAPI document has the views' schemas."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(view_schemas(*_VIEWS))
            schemas["Problem"] = problem_schema()
        return super().openapi()

    @property
    def feed(self) -> RevisionFeed:
        """The event streams; close them before the server stops."""
        feed: RevisionFeed = self.state.feed
        return feed


def create_app(backend: CloudBackend, *, settings: ApiSettings | None = None) -> CloudApi:
    """Return the API, and the dashboard on ``/``, in front of a backend.

    Args:
        backend: The cloud; called from the threads of the server.
        settings: Who may use it; by default everybody who reaches it.
    """
    settings = settings or ApiSettings()
    metrics = Metrics(backend)
    doors = Doors(backend.access, token=settings.token, sessions=Sessions())
    app = CloudApi(
        title="edgefleet",
        summary="Devices, model versions, rollouts and alarms of a fleet",
        version=metadata.version("edgefleet"),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # the pages that FastAPI offers load scripts from other people's servers
        redoc_url=None,
        middleware=[
            Middleware(RequestMeter, metrics=metrics),
            Middleware(Guard, settings=settings, doors=doors),
            Middleware(IdempotencyMiddleware, store=backend.kept_answers, exempt=_KEPT_NOWHERE),
            Middleware(EtagMiddleware),
        ],
    )
    app.state.backend = backend
    app.state.trust = settings.trust
    app.state.feed = RevisionFeed(backend.revision)
    add_problem_handlers(app)
    for routes in _ROUTES:
        app.include_router(routes, prefix=API, responses=PROBLEM)
    app.state.metrics = metrics
    app.include_router(metrics_routes)
    app.include_router(dashboard_routes(backend, doors))
    if settings.page is not None:
        app.include_router(page_routes(settings.page))
    return app
