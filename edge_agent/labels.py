"""Labels: truths that arrive for predictions, each counted once."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import numpy as np

from edge_agent.adapters.recorder import Recorder
from edge_agent.prediction import parse_id
from edge_agent.truths import truth_rows
from edge_contract.package import Role

__all__ = ["Labels"]

_REMEMBERED: Final = 100_000


class Labels:
    """Counts truths; remembers for which of the last 100,000 rows it has one. Thread-safe.

    Args:
        recorder: Where labels go.
        wake: Asks for rows to be collected soon.
    """

    def __init__(self, recorder: Recorder, *, wake: Callable[[], None]) -> None:
        self._recorder = recorder
        self._wake = wake
        self._seen: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, prediction_id: str, truth: object) -> int:
        """Count what came true; return for how many rows that was not known yet.

        Raises:
            UsageError: See :meth:`edge_agent.agent.Agent.label`.
        """
        parsed = parse_id(prediction_id)
        digest = self._recorder.package_digest(parsed.package)
        rows = truth_rows(self._recorder.manifest(digest), parsed, truth)
        stream = self._recorder.stream(digest, Role.LABELS)
        is_new = np.array([self._is_new(digest, parsed.number + row) for row in range(len(rows))])
        rows = rows[is_new]
        if len(rows):
            stream.put([rows], len(rows), time.time(), wake=self._wake, calls=0)
        return len(rows)

    def _is_new(self, digest: str, number: int) -> bool:
        with self._lock:
            if (digest, number) in self._seen:
                return False
            self._seen[digest, number] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return True
