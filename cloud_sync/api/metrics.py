"""Figures for Prometheus: of the fleet, of the process, and of the requests it answered."""

import time
from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.api.doors import API
from cloud_sync.backend import CloudBackend

__all__ = ["Metrics", "RequestMeter", "metrics_routes"]

_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 10.0)
_UNKNOWN: Final = "(none)"


class Metrics:
    """All figures of one API.

    Args:
        backend: Asked whenever somebody collects the figures.
    """

    def __init__(self, backend: CloudBackend) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_FleetCollector(backend))
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.requests = Counter(
            "edgefleet_cloud_http_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "edgefleet_cloud_http_request_seconds",
            "Seconds until the answer began.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Return the figures in Prometheus' text form."""
        return generate_latest(self.registry)


class _FleetCollector(Collector):
    """Turns measures into what Prometheus' client writes."""

    def __init__(self, backend: CloudBackend) -> None:
        self._backend = backend

    def describe(self) -> Iterable[Metric]:
        """Return nothing: a backend need not be asked before it runs."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the figures."""
        for measure in self._backend.measures():
            labels = (measure.label,) if measure.label else ()
            family: CounterMetricFamily | GaugeMetricFamily
            if measure.is_counter:
                family = CounterMetricFamily(measure.name, measure.help, labels=labels)
            else:
                family = GaugeMetricFamily(measure.name, measure.help, labels=labels)
            for value, figure in sorted(measure.values.items()):
                family.add_metric((value,) if labels else (), figure)
            yield family


class RequestMeter:
    """ASGI middleware that counts requests and measures how long their answers took."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_s = time.perf_counter()

        async def send_measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _route_of(scope)
                self._metrics.requests.labels(scope["method"], route, message["status"]).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - begun_s)
            await send(message)

        await self._app(scope, receive, send_measured)


def _route_of(scope: Scope) -> str:
    """Return the address with the names of its parts: few, however many addresses are asked for."""
    route: str = getattr(scope.get("route"), "path", _UNKNOWN)
    is_below = scope["path"].startswith(f"{API}/") and not route.startswith((API, _UNKNOWN))
    return f"{API}{route}" if is_below else route


metrics_routes = APIRouter(include_in_schema=False)


@metrics_routes.get("/metrics")
def metrics(request: Request) -> Response:
    """Return the figures in Prometheus' text form."""
    found: Metrics = request.app.state.metrics
    return Response(found.text(), media_type=CONTENT_TYPE_LATEST)


@metrics_routes.api_route("/healthz", methods=["GET", "HEAD"])
async def healthz() -> Response:
    """Say that the process lives. Needs no token."""
    return Response("ok\n", media_type="text/plain")


@metrics_routes.api_route("/readyz", methods=["GET", "HEAD"])
def readyz(request: Request) -> Response:
    """Say whether devices and people are served; 503 with what is wrong if not."""
    backend: CloudBackend = request.app.state.backend
    troubles = backend.troubles()
    if not troubles:
        return Response("ok\n", media_type="text/plain")
    lines = [f"{part}: {what}\n" for part, what in troubles.items()]
    return Response("".join(lines), 503, media_type="text/plain")
