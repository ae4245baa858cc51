"""Micro-batching: rows of requests that come together are predicted together.

Everything happens on one event loop. Requests that arrive in the same turn of the loop, or within
the allowed delay, become one call of the agent. A call that is quick runs right there: handing it
to a thread would cost more than the call. One that is slow runs on a thread beside the loop, so
that the server goes on telling its health, refusing what is too much, and keeping deadlines; what
comes meanwhile waits and is joined.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from edge_agent.serving.refused import RefusedError
from edge_agent.serving.shares import Share, Shares
from edge_contract.errors import UsageError
from edge_contract.records import dataclass, field

if TYPE_CHECKING:
    from edge_agent.adapters.inputs import Rows
    from edge_agent.ports import Tensor
    from edge_agent.prediction import Prediction

__all__ = ["BatchCounts", "BatchLimits", "Batcher", "Job", "Predictor"]

_SLOW_S: Final = 0.002
_MANY_ROWS: Final = 1024
_LOOK_S: Final = 0.01
_REMEMBERED: Final = 16


class Predictor(Protocol):
    """What predicts; an agent does."""

    def predict(self, rows: "Rows") -> "Prediction":
        """Predict some rows and observe them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """How requests are joined, and how many may wait.

    Attributes:
        rows: No call has more rows than that, unless one request alone has.
        delay_s: How long the first request may wait for others; 0 joins what comes in one turn.
        waiting: How many requests may wait; more are refused.
    """

    rows: int = 64
    delay_s: float = 0.0
    waiting: int = 1024

    def __post_init__(self) -> None:
        if self.rows < 1 or self.waiting < 1:
            raise UsageError(
                f"a batch has at least 1 row and 1 request may wait, got {self.rows} and "
                f"{self.waiting}"
            )
        if not 0.0 <= self.delay_s <= 1.0:
            raise UsageError(f"requests may be delayed by 0 to 1 s, got {self.delay_s} s")


@dataclass(slots=True, eq=False)
class Job:
    """A request that waits for its prediction.

    Attributes:
        rows: For the agent.
        count: How many; what the client says where ``key`` is ``None``.
        key: What jobs must share to be joined; ``None`` for one that has to be alone.
        deadline_s: Monotonic; infinite for none.
        reply: Is called once, on the loop, unless the job was given up.
        is_over: Whether it was answered or given up.
    """

    rows: "Tensor | Mapping[str, Tensor]"
    count: int
    key: Hashable | None
    deadline_s: float
    reply: Callable[[Share | Exception], None]
    is_over: bool = False

    def answer(self, result: Share | Exception) -> None:
        """Answer, unless nobody waits any more."""
        if not self.is_over:
            self.is_over = True
            self.reply(result)


@dataclass(slots=True)
class BatchCounts:
    """What a batcher did."""

    calls: int = 0
    requests: int = 0
    expired: int = 0
    joined: list[int] = field(default_factory=lambda: [0] * 8)
    """Calls by the number of requests in them: up to 1, 2, 4, 8, 16, 32, 64, and more."""


class Batcher:
    """Predicts jobs in the order in which they came.

    Args:
        predictor: What predicts.
        limits: See :class:`BatchLimits`.
        loop: On which everything but slow calls happens.
    """

    def __init__(
        self, predictor: Predictor, limits: BatchLimits, *, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._predictor = predictor
        self._limits = limits
        self._loop = loop
        self._jobs: deque[Job] = deque()
        self._waiting_rows = 0
        self._under_way: Sequence[Job] = ()
        self._timer: asyncio.Handle | None = None
        self._watch: asyncio.Handle | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="edgefleet-predict")
        self._costs_s = deque([math.inf], _REMEMBERED)  # the first call is slow: it warms up
        self.counts = BatchCounts()

    @property
    def waiting(self) -> int:
        """How many requests wait or are being predicted."""
        return len(self._jobs) + len(self._under_way)

    def submit(self, job: Job) -> None:
        """Predict a job soon.

        Raises:
            RefusedError: Too many wait.
        """
        if len(self._jobs) >= self._limits.waiting:
            raise RefusedError.busy(
                f"{len(self._jobs)} requests wait already: send fewer at once, or later"
            )
        self._jobs.append(job)
        self._waiting_rows += job.count
        if self._under_way:
            self._watch_deadlines()
        elif self._timer is None:
            self._arm(self._limits.delay_s)
        elif self._limits.delay_s and self._waiting_rows >= self._limits.rows:
            self._timer.cancel()
            self._arm(0.0)

    def close(self) -> None:
        """Refuse what waits; a call on the thread is left to end by itself."""
        for handle in (self._timer, self._watch):
            if handle is not None:
                handle.cancel()
        for job in (*self._under_way, *self._jobs):
            job.answer(RefusedError.not_now("the server is leaving"))
        self._jobs.clear()
        self._pool.shutdown(wait=False)

    # Turns of the loop.

    def _arm(self, delay_s: float) -> None:
        if delay_s:
            self._timer = self._loop.call_later(delay_s, self._fire)
        else:
            self._timer = self._loop.call_soon(self._fire)

    def _fire(self) -> None:
        self._timer = None
        jobs = self._taken()
        if not jobs:
            return
        # The least of the latest: on a busy machine any call may take long, thread or not.
        if min(self._costs_s) > _SLOW_S or jobs[0].count > _MANY_ROWS:
            self._under_way = jobs
            self._watch_deadlines()
            self._loop.run_in_executor(self._pool, self._results, jobs).add_done_callback(
                self._on_results
            )
            return
        _deliver(jobs, self._results(jobs))
        if self._jobs:
            self._arm(0.0)

    def _on_results(self, future: "asyncio.Future[list[Share | Exception]]") -> None:
        jobs, self._under_way = self._under_way, ()
        if future.cancelled():
            return
        _deliver(jobs, future.result())
        if self._jobs and self._timer is None:
            self._arm(0.0)

    def _taken(self) -> list[Job]:
        """Take the first job and those after it that can be joined to it."""
        now_s, jobs, rows = time.monotonic(), list[Job](), 0
        while self._jobs:
            job = self._jobs[0]
            if job.is_over or job.deadline_s <= now_s:
                self._drop(job)
            elif jobs and (
                job.key is None or job.key != jobs[0].key or rows + job.count > self._limits.rows
            ):
                break
            else:
                jobs.append(job)
                rows += job.count
            self._jobs.popleft()
            self._waiting_rows -= job.count
        return jobs

    # Deadlines of what waits for a slow call, and of those in it.

    def _watch_deadlines(self) -> None:
        if self._watch is None:
            self._watch = self._loop.call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._watch = None
        now_s = time.monotonic()
        for job in (*self._under_way, *self._jobs):
            if job.deadline_s <= now_s:
                self._drop(job)
        self._jobs = deque(job for job in self._jobs if not job.is_over)
        self._waiting_rows = sum(job.count for job in self._jobs)
        if self._under_way:
            self._watch_deadlines()

    def _drop(self, job: Job) -> None:
        if not job.is_over:
            self.counts.expired += 1
            text = "the deadline passed before there was a prediction"
            job.answer(RefusedError(HTTPStatus.GATEWAY_TIMEOUT, text))

    # Calls, on the loop or on the thread.

    def _results(self, jobs: Sequence[Job]) -> list[Share | Exception]:
        began_s = time.perf_counter()
        results = self._predicted(jobs)
        self._costs_s.append(time.perf_counter() - began_s)
        counts = self.counts
        counts.calls += 1
        counts.requests += len(jobs)
        counts.joined[min((len(jobs) - 1).bit_length(), 7)] += 1
        return results

    def _predicted(self, jobs: Sequence[Job]) -> list[Share | Exception]:
        try:
            rows = jobs[0].rows if len(jobs) == 1 else _joined(jobs)
            shares = Shares(self._predictor.predict(rows), [job.count for job in jobs])
            return [Share(shares, place) for place in range(len(jobs))]
        except Exception as error:  # noqa: BLE001  told to the clients, and logged there
            if len(jobs) == 1:
                return [error]
            # One request must not fail because of another's rows.
            return [result for job in jobs for result in self._predicted([job])]


def _joined(jobs: Sequence[Job]) -> "Tensor | Mapping[str, Tensor]":
    """Return the rows of jobs that share a key, one after the other."""
    first = jobs[0].rows
    if isinstance(first, np.ndarray):
        arrays = [job.rows for job in jobs if isinstance(job.rows, np.ndarray)]
        return np.concatenate(arrays)
    tables = [job.rows for job in jobs if not isinstance(job.rows, np.ndarray)]
    return {name: np.concatenate([table[name] for table in tables]) for name in first}


def _deliver(jobs: Sequence[Job], results: Sequence[Share | Exception]) -> None:
    for job, result in zip(jobs, results, strict=True):
        job.answer(result)
