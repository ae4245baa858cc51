"""The service: what each address of the protocol does, whichever way a request came."""

import asyncio
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from edge_agent.serving.answer import Answer, infer_answer, json_answer, refused_answer
from edge_agent.serving.batching import Batcher, BatchLimits, Job, Predictor
from edge_agent.serving.interface import ModelInterface
from edge_agent.serving.labels import label_answer
from edge_agent.serving.metrics import METRICS_TYPE, Gauges, Metrics
from edge_agent.serving.refused import RefusedError, refusal_of
from edge_agent.serving.request import InferRequest, json_object, parse_infer
from edge_agent.serving.routes import Route, route_of
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from edge_agent.adapters.inputs import Rows
    from edge_agent.ports import Tensor
    from edge_agent.prediction import Prediction
    from edge_contract.package import Manifest

__all__ = ["Call", "Served", "Service"]

_MAX_ROUTES: Final = 256
_EXTENSIONS: Final = ("binary_tensor_data", "edgefleet_labels", "metrics")

Reply = Callable[[Answer], None]


class Served(Predictor, Protocol):
    """What is served; an agent is."""

    model: str

    @property
    def manifest(self) -> "Manifest | None":
        """Of the version that serves now."""
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
        limits: How requests are joined, and how many may wait.
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
        self._deadline_s = deadline_s
        self._batcher = Batcher(self, limits, loop=loop)
        self._interfaces: dict[int, ModelInterface] = {}
        self._routes: dict[str, Route] = {}
        self.metrics = Metrics(self._gauges)
        self.connections = 0
        """How many clients are connected; kept by who accepts them."""
        self.is_leaving = False
        """Whether new requests are refused."""

    @property
    def waiting(self) -> int:
        """How many requests wait or are being predicted."""
        return self._batcher.waiting

    def close(self) -> None:
        """Refuse what still waits."""
        self.is_leaving = True
        self._batcher.close()

    def predict(self, rows: "Rows") -> "Prediction":
        """Predict some rows, but never wait for a version to serve: the loop must not stand still.

        Raises:
            RefusedError: None serves.
        """
        if self._agent.manifest is None:
            raise self._no_model()
        return self._agent.predict(rows)

    def handle(self, call: Call, reply: Reply) -> Job | None:
        """Answer a call, now or later; return what can be given up if nobody waits any more."""
        route = self._route(call.path)
        try:
            if route.kind == "infer" and call.method == "POST":
                return self._infer(call, route, reply)
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
            case "metrics":
                return Answer(HTTPStatus.OK, self.metrics.text(), media_type=METRICS_TYPE)
            case "model_ready":
                self._interface(route)
                return json_answer({"name": route.model, "ready": True})
            case "labels":
                self._check_name(route)
                return label_answer(self._agent.label, json_object(call.body))
            case _:
                return Answer(HTTPStatus.OK, self._interface(route).metadata)

    def _readiness(self) -> Answer:
        if self.is_leaving or self._agent.manifest is None:
            return refused_answer(self._no_model())
        return json_answer({"ready": True})

    # Predicting.

    def _infer(self, call: Call, route: Route, reply: Reply) -> Job:
        began_s = time.monotonic()
        interface = self._interface(route)
        request = parse_infer(call.body, call.header_bytes)
        interface.wanted(request.outputs)
        wait_s = self._deadline_s if request.timeout_s is None else request.timeout_s

        def finish(result: "Prediction | Exception") -> None:
            try:
                if isinstance(result, UsageError):
                    result = interface.unknown(request.tensors) or result
                answer = self._inferred(request, route, result)
            except Exception as error:  # noqa: BLE001  told to the client, and logged there
                answer = refused_answer(refusal_of(error))
            self.metrics.took(time.monotonic() - began_s)
            self._reply(call, route, answer, reply)

        rows = interface.rows_of(request.tensors)
        key = interface.joining_key(request.tensors)
        count = _count(request.tensors)
        deadline_s = began_s + min(wait_s, self._deadline_s)
        job = Job(rows, count, key, deadline_s, finish)
        self._batcher.submit(job)
        return job

    def _inferred(
        self, request: InferRequest, route: Route, result: "Prediction | Exception"
    ) -> Answer:
        if isinstance(result, Exception):
            raise result
        if result.manifest is None:
            raise RefusedError.not_now(f"{result.model} predicted, and cannot be described")
        if route.version not in ("", result.manifest.version):
            raise RefusedError.not_now(
                f"{result.model} has answered in place of version {route.version!r}, which was "
                "asked for: it was being replaced"
            )
        return infer_answer(request, result, self._described(result.manifest))

    def _interface(self, route: Route) -> ModelInterface:
        """Return the interface of what serves, if it is what was asked for."""
        self._check_name(route)
        manifest = self._agent.manifest
        if manifest is None or self.is_leaving:
            raise self._no_model()
        if route.version not in ("", manifest.version):
            raise RefusedError(
                HTTPStatus.NOT_FOUND,
                f"version {route.version[:60]!r} of model {route.model!r} does not serve here: "
                f"{manifest.version!r} does",
            )
        return self._described(manifest)

    def _described(self, manifest: "Manifest") -> ModelInterface:
        found = self._interfaces.get(id(manifest))
        if found is None or found.manifest is not manifest:
            if len(self._interfaces) > _MAX_ROUTES:
                self._interfaces.clear()
            found = self._interfaces[id(manifest)] = ModelInterface(manifest)
        return found

    def _check_name(self, route: Route) -> None:
        if route.model != self._agent.model:
            raise RefusedError(
                HTTPStatus.NOT_FOUND,
                f"there is no model {route.model[:60]!r} here: {self._agent.model!r} is",
            )

    def _no_model(self) -> RefusedError:
        if self.is_leaving:
            return RefusedError.not_now("the server is leaving")
        return RefusedError.not_now(f"no version of model {self._agent.model!r} serves yet")

    # Addresses.

    def _route(self, path: str) -> Route:
        route = self._routes.get(path)
        if route is None:
            route = route_of(path)
            if route.kind and len(self._routes) < _MAX_ROUTES:
                self._routes[path] = route
        return route

    def _gauges(self) -> Gauges:
        agent, counts = self._agent, self._batcher.counts
        manifest = agent.manifest
        return Gauges(
            model=agent.model,
            version="" if manifest is None else manifest.version,
            rows_observed=agent.rows_observed(),
            waiting_batches=agent.waiting_batches(),
            waiting_requests=self._batcher.waiting,
            connections=self.connections,
            calls=counts.calls,
            expired=counts.expired,
            joined=counts.joined,
            joined_requests=counts.requests,
        )


def _count(tensors: "Mapping[str, Tensor]") -> int:
    """Return how many rows the first tensor seems to have."""
    for tensor in tensors.values():
        return len(tensor) if tensor.ndim else 1
    return 0


def _about() -> Mapping[str, object]:
    try:
        number = version("edgefleet")
    except PackageNotFoundError:  # run from a source tree that is not installed
        number = "0+unknown"
    return {"name": "edgefleet", "version": number, "extensions": list(_EXTENSIONS)}
