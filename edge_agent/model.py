"""A model of an agent, as applications use it: predict, label, and never think of the rest."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_agent.adapters.inputs import Rows
from edge_agent.labels import Labels
from edge_agent.prediction import Answer, Prediction
from edge_agent.servable import Servable, Served
from edge_agent.shadow import ShadowRunner
from edge_agent.shell import Shell
from edge_agent.switch import Routing, Switch
from edge_contract.errors import EdgeError, UnavailableError, UsageError
from edge_contract.package import Manifest
from edge_contract.records import dataclass, field

if TYPE_CHECKING:
    from edge_agent.async_calls import AsyncCalls

__all__ = ["Model", "Shared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the models of an agent have in common.

    Attributes:
        device: Name of the device.
        shell: Runs the agent.
        labels: Counts truths.
        shadow: Repeats calls on candidates.
        observe: Is given every call with what was answered, if anybody wants that.
        ready_timeout_s: How long ``predict`` waits for a first version.
        closed: Set at the end.
    """

    device: str
    shell: Shell
    labels: Labels
    shadow: ShadowRunner
    observe: Callable[[Servable, Rows, Prediction], None] | None
    ready_timeout_s: float
    closed: threading.Event = field(default_factory=threading.Event)


class Model:
    """One model that an agent runs; ``agent["gate"]`` is one. Thread-safe.

    Args:
        name: Of the model.
        switch: Says where its calls go.
        shared: What it has in common with the agent's other models.

    Attributes:
        model: Its name.
    """

    def __init__(self, name: str, switch: Switch, shared: Shared) -> None:
        self.model = name
        self._shared = shared
        self._switch = switch
        self._shadow = shared.shadow
        self._observe = shared.observe
        self._collect_soon = shared.shell.collect_soon
        self._async_calls: AsyncCalls | None = None
        self._beginning = threading.Lock()

    def predict(self, rows: Rows) -> Prediction:
        """Predict some rows and observe them.

        Args:
            rows: An array, nested lists, one row, columns by name, or a DataFrame; of a model that
                takes pictures their bytes, or paths of their files.

        Raises:
            UsageError: The rows do not fit the model; the message names input, type and shape.
            UnavailableError: No version is here yet, or the model failed.
        """
        routing = self._switch.routing or self._first_routing()
        servable = routing.serve
        shadow = routing.shadow
        if shadow is not None and not self._shadow.looks_at(shadow):
            shadow = None
        if shadow is None:
            path, blocks = servable.row_path, servable.block_path
            prediction = None if path is None else path.predict(rows, self._collect_soon)
            if prediction is None and blocks is not None:
                prediction = blocks.predict(rows, self._collect_soon)
            if prediction is not None:
                if self._observe is not None:
                    self._observe(servable, rows, prediction)
                return prediction
        try:
            served = servable.serve(rows, wake=self._collect_soon)
        except EdgeError as error:
            if routing.fallback is None:
                raise
            served = self._fall_back(servable, routing.fallback, rows, error)
            servable = routing.fallback
        prediction = Prediction(Answer(served.decoded, served.outputs), servable.origin)
        if shadow is not None:
            as_given = None if shadow.reads_as(servable) else rows
            kept = None if self._observe is None else prediction.settle()
            self._shadow.offer(shadow, served._replace(rows=as_given, prediction=kept))
        if self._observe is not None:
            self._observe(servable, rows, prediction)
        return prediction

    async def apredict(self, rows: Rows) -> Prediction:
        """Do what :meth:`predict` does, for event loops, which it does not hold up.

        A quick model answers at once; a slow one runs on another thread. Raises the same errors.
        """
        return await self._asynchronous().predict(rows)

    def label(self, prediction_id: str, truth: object) -> int:
        """Tell what came true; days later is fine.

        Args:
            prediction_id: ``prediction.id`` of a call, or one of ``prediction.ids``.
            truth: The class as the author wrote it or the number; a sequence for a call of many
                rows.

        Returns:
            How many rows were labelled; rows that had a label already are not counted again.

        Raises:
            UsageError: The identifier is none, there are too few or many truths, a truth is no
                class of the model, or the version is long gone.
            UnavailableError: The disk is full or out of reach: tell it again later.
        """
        if self._shared.closed.is_set():
            raise self._is_closed()
        return self._shared.labels.add(prediction_id, truth)

    @property
    def version(self) -> str:
        """The version that serves now; empty while none does."""
        manifest = self.manifest
        return "" if manifest is None else manifest.version

    @property
    def manifest(self) -> Manifest | None:
        """What the version that serves now is, takes and gives; ``None`` while none does."""
        routing = self._switch.routing
        return None if routing is None else routing.serve.manifest

    def wait_ready(self, timeout_s: float | None = None) -> str:
        """Wait until a version serves and return it.

        Raises:
            UnavailableError: None does within ``timeout_s`` (by default ``ready_timeout_s``).
        """
        return self._first_routing(timeout_s).serve.manifest.version

    # Inside.

    def _asynchronous(self) -> "AsyncCalls":
        if self._async_calls is None:
            from edge_agent.async_calls import AsyncCalls  # few programs have an event loop

            with self._beginning:
                if self._async_calls is None:
                    self._async_calls = AsyncCalls(self.predict, self._switch)
                    if self._shared.closed.is_set():
                        self._async_calls.close()
        return self._async_calls

    def _end_async_calls(self) -> None:
        """Begin no more asynchronous calls; the agent is closed."""
        with self._beginning:
            if self._async_calls is not None:
                self._async_calls.close()

    def _fall_back(
        self, tried: Servable, fallback: Servable, rows: Rows, error: EdgeError
    ) -> Served:
        """Let the version behind the one on trial answer, which failed or refuses these rows."""
        served = fallback.serve(rows, wake=self._collect_soon)
        if isinstance(error, UsageError):  # the rows are right: the good version takes them
            tried.count_failure()
        return served

    def _first_routing(self, timeout_s: float | None = None) -> Routing:
        shared = self._shared
        wait_s = shared.ready_timeout_s if timeout_s is None else timeout_s
        routing = None if shared.closed.is_set() else self._switch.wait(wait_s)
        if shared.closed.is_set():
            raise self._is_closed()
        if routing is None:
            trouble = f" ({shared.shell.trouble})" if shared.shell.trouble else ""
            raise UnavailableError(
                f"no version of model {self.model!r} is on device {shared.device!r} "
                f"after {wait_s:.0f} s{trouble}: check that the cloud is reachable and has one"
            )
        return routing

    def _is_closed(self) -> UsageError:
        return UsageError(f"agent {self._shared.device!r} is closed: make a new one")
