"""Labels: truths that arrive for predictions, each counted once."""

import time
from collections.abc import Callable

import numpy as np

from edge_agent.adapters.recorder import Recorder
from edge_agent.ports import LabelStore
from edge_agent.prediction import parse_id
from edge_agent.truths import truth_rows
from edge_contract.package import Role
from edge_contract.prediction_id import label_key

__all__ = ["Labels"]


class Labels:
    """Counts truths, and none of them twice as far as ``store`` remembers. Thread-safe.

    A row is noted before it is counted. If the process is killed in between, its truth is lost and
    is not counted when it is told again: once at most.

    Args:
        recorder: Where labels go.
        store: Remembers which rows have had theirs.
        wake: Asks for rows to be collected soon.
    """

    def __init__(self, recorder: Recorder, store: LabelStore, *, wake: Callable[[], None]) -> None:
        self._recorder = recorder
        self._store = store
        self._wake = wake

    def add(self, prediction_id: str, truth: object) -> int:
        """Count what came true; return for how many rows that was not known yet.

        Raises:
            UsageError: See :meth:`edge_agent.agent.Agent.label`.
            UnavailableError: The disk is full; nothing is counted.
        """
        parsed = parse_id(prediction_id)
        digest = self._recorder.package_digest(parsed.package)
        rows = truth_rows(self._recorder.manifest(digest), parsed, truth)
        stream = self._recorder.stream(digest, Role.LABELS)
        keys = [label_key(digest, parsed.number + row) for row in range(len(rows))]
        now_unix_s = time.time()
        rows = rows[np.array(self._store.note_labelled(keys, now_unix_s))]
        if len(rows):
            stream.put([rows], len(rows), now_unix_s, wake=self._wake, calls=0)
        return len(rows)
