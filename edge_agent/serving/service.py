"""The service: what each address of the protocol does, whichever way a request came."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple, Protocol

from edge_agent.serving.answer import Answer, json_answer, refused_answer
from edge_agent.serving.batching import BatchLimits, Job
from edge_agent.serving.labels import label_answer
from edge_agent.serving.metrics import METRICS_TYPE, Gauges, Metrics
from edge_agent.serving.model_service import ModelService, ServedModel
from edge_agent.serving.refused import RefusedError, refusal_of
from edge_agent.serving.request import json_object
from edge_agent.serving.routes import Route, route_of

__all__ = ["Call", "Served", "Service"]

_MAX_ROUTES: Final = 256
_EXTENSIONS: Final = ("binary_tensor_data", "edgefleet_labels", "metrics")

Reply = Callable[[Answer], None]


class Served(Protocol):
    """What is served; an agent is."""

    @property
    def models(self) -> Mapping[str, ServedModel]:
        """Its models by name."""
        ...

    def label(self, prediction_id: str, truth: object) -> int:
        """Tell what came true."""
        ...

    def rows_observed(self) -> int:
        """Return how many rows were observed."""
        ...

    def waiting_batches(self) -> int:
        """Return how much telemetry waits."""
        ...


class Call(NamedTuple):
    """A request, as it came.

    Attributes:
        way: ``http`` or ``socket``.
        method: ``GET`` or ``POST``.
        path: Address, without what follows a question mark.
        body: Its bytes.
        header_bytes: How long the JSON at its beginning is; ``None`` if it is all there is.
    """

    way: str
    method: str
    path: str
    body: bytes = b""
    header_bytes: int | None = None


class Service:
    """Answers requests on one event loop.

    Args:
        agent: What is served.
        limits: How requests are joined, and how many may wait, for each model.
        deadline_s: How long a request may wait for its prediction if its client says nothing.
        loop: The event loop.
    """

    def __init__(
        self,
        agent: Served,
        limits: BatchLimits,
        *,
        deadline_s: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._agent = agent
        self._models = {
            name: ModelService(model, limits, deadline_s=deadline_s, loop=loop)
            for name, model in agent.models.items()
        }
        self._is_leaving = False
        self._routes: dict[str, Route] = {}
        self.metrics = Metrics(self._gauges)
        self.connections = 0
        """How many clients are connected; kept by who accepts them."""

    @property
    def waiting(self) -> int:
        """How many requests wait or are being predicted."""
        return sum(model.batcher.waiting for model in self._models.values())

    def leave(self) -> None:
        """Refuse new requests from now on."""
        self._is_leaving = True
        for model in self._models.values():
            model.is_leaving = True

    def close(self) -> None:
        """Refuse what still waits."""
        self.leave()
        for model in self._models.values():
            model.batcher.close()

    def handle(self, call: Call, reply: Reply) -> Job | None:
        """Answer a call, now or later; return what can be given up if nobody waits any more."""
        route = self._route(call.path)
        try:
            if route.kind == "infer" and call.method == "POST":
                return self._model(route).infer(
                    route,
                    call.body,
                    call.header_bytes,
                    took=self.metrics.took,
                    reply=lambda answer: self._reply(call, route, answer, reply),
                )
            answer = self._answer(call, route)
        except Exception as error:  # noqa: BLE001  told to the client, and logged there
            answer = refused_answer(refusal_of(error))
        self._reply(call, route, answer, reply)
        return None

    def _reply(self, call: Call, route: Route, answer: Answer, reply: Reply) -> None:
        self.metrics.answered(call.way, route.kind or "unknown", answer.status)
        reply(answer)

    def _answer(self, call: Call, route: Route) -> Answer:
        if not route.kind:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"there is nothing at {call.path[:200]!r}")
        if call.method not in (route.method, "HEAD" if route.method == "GET" else route.method):
            text = f"{call.path[:200]!r} takes {route.method}, got {call.method}"
            refused = refused_answer(RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, text))
            return refused._replace(allow=route.method)
        match route.kind:
            case "live":
                return json_answer({"live": True})
            case "ready":
                return self._readiness()
            case "server":
                return json_answer(_about())
            case "models":
                return json_answer(self._index())
            case "metrics":
                return Answer(HTTPStatus.OK, self.metrics.text(), media_type=METRICS_TYPE)
            case "model_ready":
                self._model(route).interface(route)
                return json_answer({"name": route.model, "ready": True})
            case "labels":
                self._model(route)
                return label_answer(self._agent.label, json_object(call.body))
            case _:
                return Answer(HTTPStatus.OK, self._model(route).interface(route).metadata)

    def _readiness(self) -> Answer:
        for model in self._models.values():
            if self._is_leaving or not model.version:
                return refused_answer(model.refusal())
        return json_answer({"ready": True})

    def _index(self) -> Sequence[Mapping[str, object]]:
        """Return all models, as the protocol's extension for model repositories has them."""
        return [
            {
                "name": name,
                "version": model.version,
                "state": "READY" if model.version and not self._is_leaving else "UNAVAILABLE",
                "reason": "" if model.version else str(model.refusal()),
            }
            for name, model in self._models.items()
        ]

    def _model(self, route: Route) -> ModelService:
        found = self._models.get(route.model)
        if found is None:
            known = ", ".join(map(repr, self._models))
            verb = "are" if len(self._models) > 1 else "is"
            raise RefusedError(
                HTTPStatus.NOT_FOUND,
                f"there is no model {route.model[:60]!r} here: {known} {verb}",
            )
        return found

    # Addresses.

    def _route(self, path: str) -> Route:
        route = self._routes.get(path)
        if route is None:
            route = route_of(path)
            if route.kind and len(self._routes) < _MAX_ROUTES:
                self._routes[path] = route
        return route

    def _gauges(self) -> Gauges:
        counts = [model.batcher.counts for model in self._models.values()]
        return Gauges(
            models=tuple((name, model.version) for name, model in self._models.items()),
            rows_observed=self._agent.rows_observed(),
            waiting_batches=self._agent.waiting_batches(),
            waiting_requests=self.waiting,
            connections=self.connections,
            calls=sum(each.calls for each in counts),
            expired=sum(each.expired for each in counts),
            joined=[sum(sizes) for sizes in zip(*(each.joined for each in counts), strict=True)],
            joined_requests=sum(each.requests for each in counts),
        )


def _about() -> Mapping[str, object]:
    try:
        number = version("edgefleet")
    except PackageNotFoundError:  # run from a source tree that is not installed
        number = "0+unknown"
    return {"name": "edgefleet", "version": number, "extensions": list(_EXTENSIONS)}
