"""One model that is served: its interface, and requests that wait for its predictions."""

import asyncio
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from edge_agent.serving.answer import Answer, infer_answer, refused_answer
from edge_agent.serving.batching import Batcher, BatchLimits, Job, Predictor
from edge_agent.serving.interface import ModelInterface
from edge_agent.serving.refused import RefusedError, refusal_of
from edge_agent.serving.request import InferRequest, parse_infer
from edge_agent.serving.shares import Share
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from edge_agent.adapters.inputs import Rows
    from edge_agent.ports import Tensor
    from edge_agent.prediction import Prediction
    from edge_agent.serving.routes import Route
    from edge_contract.package import Manifest

__all__ = ["ModelService", "ServedModel"]

_MAX_INTERFACES: Final = 256

Reply = Callable[[Answer], None]


class ServedModel(Predictor, Protocol):
    """A model that is served; those of an agent are."""

    model: str

    @property
    def manifest(self) -> "Manifest | None":
        """Of the version that serves now."""
        ...


class ModelService:
    """Answers requests for one model on one event loop.

    Args:
        model: What is served.
        limits: How requests are joined, and how many may wait.
        deadline_s: How long a request may wait for its prediction if its client says nothing.
        loop: The event loop.

    Attributes:
        batcher: Joins requests.
        is_leaving: Whether new requests are refused.
    """

    def __init__(
        self,
        model: ServedModel,
        limits: BatchLimits,
        *,
        deadline_s: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._model = model
        self._deadline_s = deadline_s
        self._interfaces: dict[int, ModelInterface] = {}
        self.batcher = Batcher(self, limits, loop=loop)
        self.is_leaving = False

    @property
    def version(self) -> str:
        """That serves; empty while none does."""
        manifest = self._model.manifest
        return "" if manifest is None else manifest.version

    def predict(self, rows: "Rows") -> "Prediction":
        """Predict some rows, but never wait for a version to serve: the loop must not stand still.

        Raises:
            RefusedError: None serves.
        """
        if self._model.manifest is None:
            raise self.refusal()
        return self._model.predict(rows)

    def infer(
        self,
        route: "Route",
        body: bytes,
        header_bytes: int | None,
        *,
        took: Callable[[float], None],
        reply: Reply,
    ) -> Job:
        """Answer a request for a prediction later; return what can be given up.

        Args:
            route: What was asked for.
            body: Of the request.
            header_bytes: How long the JSON at its beginning is; ``None`` if it is all there is.
            took: Is told how many seconds the answer took.
            reply: Is given the answer.

        Raises:
            RefusedError: It is none that could be answered.
        """
        began_s = time.monotonic()
        interface = self.interface(route)
        request = parse_infer(body, header_bytes, files=interface.files)
        interface.wanted(request.outputs)
        wait_s = self._deadline_s if request.timeout_s is None else request.timeout_s

        def finish(result: Share | Exception) -> None:
            try:
                if isinstance(result, UsageError):
                    result = interface.unknown(request.tensors) or result
                answer = self._inferred(request, route, result)
            except Exception as error:  # noqa: BLE001  told to the client, and logged there
                answer = refused_answer(refusal_of(error))
            took(time.monotonic() - began_s)
            reply(answer)

        rows = interface.rows_of(request.tensors)
        key = interface.joining_key(request.tensors)
        count = _count(request.tensors)
        deadline_s = began_s + min(wait_s, self._deadline_s)
        job = Job(rows, count, key, deadline_s, finish)
        self.batcher.submit(job)
        return job

    def _inferred(self, request: InferRequest, route: "Route", result: Share | Exception) -> Answer:
        if isinstance(result, Exception):
            raise result
        shares = result.shares
        interface = shares.interface
        if interface is None:
            manifest = shares.prediction.manifest
            if manifest is None:
                text = f"{shares.prediction.model} predicted, and cannot be described"
                raise RefusedError.not_now(text)
            interface = shares.interface = self._described(manifest)
        if route.version not in ("", interface.manifest.version):
            raise RefusedError.not_now(
                f"{shares.prediction.model} has answered in place of version {route.version!r}, "
                "which was asked for: it was being replaced"
            )
        return infer_answer(request, result, interface)

    def interface(self, route: "Route") -> ModelInterface:
        """Return the interface of what serves; raises ``RefusedError`` if that is something else.

        A route names a version, or none for whichever serves.
        """
        manifest = self._model.manifest
        if manifest is None or self.is_leaving:
            raise self.refusal()
        if route.version not in ("", manifest.version):
            raise RefusedError(
                HTTPStatus.NOT_FOUND,
                f"version {route.version[:60]!r} of model {route.model!r} does not serve here: "
                f"{manifest.version!r} does",
            )
        return self._described(manifest)

    def refusal(self) -> RefusedError:
        """Return what to say while there is nothing that could answer."""
        if self.is_leaving:
            return RefusedError.not_now("the server is leaving")
        return RefusedError.not_now(f"no version of model {self._model.model!r} serves yet")

    def _described(self, manifest: "Manifest") -> ModelInterface:
        found = self._interfaces.get(id(manifest))
        if found is None or found.manifest is not manifest:
            if len(self._interfaces) > _MAX_INTERFACES:
                self._interfaces.clear()
            found = self._interfaces[id(manifest)] = ModelInterface(manifest)
        return found


def _count(tensors: "Mapping[str, Tensor]") -> int:
    """Return how many rows the first tensor seems to have."""
    for tensor in tensors.values():
        return len(tensor) if tensor.ndim else 1
    return 0
