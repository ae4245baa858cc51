"""Metrics: what a server counts of itself, in the text form that Prometheus reads."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

__all__ = ["METRICS_TYPE", "Gauges", "Metrics"]

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
_JOINED: Final = (1, 2, 4, 8, 16, 32, 64)


class Gauges(NamedTuple):
    """What is so at the moment of asking.

    Attributes:
        models: Name of each, and which version serves; empty while none does.
        rows_observed: Rows of calls that were observed since the rings were made.
        waiting_batches: Batches of telemetry that the cloud has not acknowledged.
        waiting_requests: Requests that wait or are being predicted.
        connections: Clients.
        calls: Calls of the model for requests.
        expired: Requests whose deadline passed.
        joined: Calls by requests in them: up to 1, 2, 4, 8, 16, 32, 64, and more.
        joined_requests: Requests in all calls.
    """

    models: Sequence[tuple[str, str]]
    rows_observed: int
    waiting_batches: int
    waiting_requests: int
    connections: int
    calls: int
    expired: int
    joined: Sequence[int]
    joined_requests: int


class Metrics:
    """Counts answers; everything else is asked for when somebody looks.

    Args:
        gauges: Returns what is so now.
    """

    def __init__(self, gauges: Callable[[], Gauges]) -> None:
        self._gauges = gauges
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._seconds = [0] * (len(_SECONDS) + 1)
        self._seconds_sum = 0.0
        self._registry: CollectorRegistry | None = None

    def answered(self, way: str, kind: str, status: int) -> None:
        """Count an answer.

        Args:
            way: How it was asked: ``http`` or ``socket``.
            kind: What for: ``infer``, ``labels`` and so on.
            status: HTTP status.
        """
        self._answers[way, kind, status] += 1

    def took(self, seconds: float) -> None:
        """Count how long a request for a prediction took, from its last byte to its answer."""
        self._seconds[bisect_left(_SECONDS, seconds)] += 1
        self._seconds_sum += seconds

    def text(self) -> bytes:
        """Return everything as Prometheus reads it."""
        # Late: somebody who never looks need not have it in memory.
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry()
            self._registry.register(self)
            ProcessCollector(registry=self._registry)
        return generate_latest(self._registry)

    def collect(self) -> "Iterable[Metric]":
        """Return all metrics; the library calls this."""
        from prometheus_client.metrics_core import (
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
            InfoMetricFamily,
        )

        now = self._gauges()
        answers = CounterMetricFamily(
            "edgefleet_serving_requests",
            "Requests by how they came, what for, and the status of the answer.",
            labels=("way", "kind", "status"),
        )
        for (way, kind, status), count in sorted(self._answers.items()):
            answers.add_metric((way, kind, str(status)), count)
        yield answers
        yield HistogramMetricFamily(
            "edgefleet_serving_infer_seconds",
            "From the last byte of a request for a prediction to its answer.",
            buckets=list(_cumulated(_SECONDS, self._seconds)),
            sum_value=self._seconds_sum,
        )
        yield HistogramMetricFamily(
            "edgefleet_serving_joined_requests",
            "Requests that were predicted in one call of the model.",
            buckets=list(_cumulated(_JOINED, now.joined)),
            sum_value=now.joined_requests,
        )
        for name, help_text, total in (
            ("serving_calls", "Calls of the model for requests.", now.calls),
            ("serving_deadlines_missed", "Requests whose deadline passed.", now.expired),
            ("agent_rows_observed", "Rows that were predicted and observed.", now.rows_observed),
        ):
            yield CounterMetricFamily(f"edgefleet_{name}", help_text, value=total)
        is_ready = all(version for _, version in now.models)
        for name, help_text, value in (
            ("serving_waiting_requests", "Requests that wait.", now.waiting_requests),
            ("serving_connections", "Clients that are connected.", now.connections),
            ("serving_ready", "Whether every model has a version that serves.", int(is_ready)),
            ("agent_waiting_batches", "Telemetry that waits for the cloud.", now.waiting_batches),
        ):
            yield GaugeMetricFamily(f"edgefleet_{name}", help_text, value=value)
        serving = InfoMetricFamily(
            "edgefleet_agent_model", "The versions that serve.", labels=("model", "version")
        )
        for model, version in now.models:
            serving.add_metric((model, version), {})
        yield serving


def _cumulated(bounds: Sequence[float], counts: Sequence[int]) -> Iterator[tuple[str, float]]:
    """Return how many were at most each bound, and at the end all."""
    total = 0
    for bound, count in zip((*map(str, map(float, bounds)), "+Inf"), counts, strict=True):
        total += count
        yield bound, total
