"""The keeper: looks at calls on a thread of its own, and keeps rows that are worth a person's time.

They leave when the operator asks for them by the command ``capture-samples``, and never else. The
keeper exists only where the device's owner allows it, for purposes that he names. It never holds up
a call: of many calls only some are looked at, and a row or so a second is kept over time.
"""

import copy
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np

from edge_agent.adapters.inputs import Rows
from edge_agent.adapters.process_memory import lower_priority
from edge_agent.samples.cells import SampleCells
from edge_agent.samples.handing_over import Asked, HandingOver
from edge_agent.samples.judge import SampleJudge
from edge_agent.samples.options import SampleOptions
from edge_agent.samples.store import KeptSample, SampleStore
from edge_contract.errors import EdgeError
from edge_contract.reading import JsonValue
from edge_contract.samples import SampleRow

if TYPE_CHECKING:
    from edge_agent.adapters.inputs import Encoded
    from edge_agent.adapters.outputs import Decoded
    from edge_agent.adapters.recorder import Recorder
    from edge_agent.prediction import Prediction
    from edge_agent.servable import Servable, Served

__all__ = ["SampleKeeper"]

_T = TypeVar("_T")

_log = logging.getLogger("edgefleet.agent")

_MOST_WAITING: Final = 64
_MOST_ROWS: Final = 256
"""Rows of one call that are looked at."""
_BETWEEN_LOOKS_S: Final = 0.005
_BY_CHANCE: Final = 0.01
"""Share of the rows that are kept whatever they are: labels of these alone measure quality."""
_KEPT_PER_S: Final = 1.0
_KEPT_AT_ONCE: Final = 60.0
_EXPIRE_EVERY_S: Final = 60.0
_LEAVE_S: Final = 1.0


class _Call(NamedTuple):
    """A call to look at."""

    servable: "Servable"
    rows: Rows
    prediction: "Prediction"


class _Compared(NamedTuple):
    """A call that a candidate repeated in the shadow."""

    prediction: "Prediction"
    encoded: "Encoded"
    one: "Decoded"
    candidate: str
    other: "Decoded"
    answers: Sequence[str]


class _Row(NamedTuple):
    """A row to keep, out of a call."""

    number: int
    reasons: tuple[str, ...]
    candidate: str = ""
    candidate_predicted: str = ""


class SampleKeeper:
    """Keeps samples of a device. Thread-safe.

    Args:
        options: What the owner allows.
        store: Where samples wait.
        recorder: Knows manifests and references of packages.
        device: Name of the device.
    """

    def __init__(
        self, options: SampleOptions, store: SampleStore, recorder: "Recorder", *, device: str
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._leaving = threading.Event()
        self._handing_over = HandingOver(options, store, recorder, device, self._leaving)
        self._judges: dict[str, tuple[SampleJudge, SampleCells]] = {}
        self._jobs: queue.SimpleQueue[_Call | _Compared | Callable[[], None] | None]
        self._jobs = queue.SimpleQueue()
        self._next_look_s = 0.0
        self._next_expiry_s = 0.0
        self._allowance, self._allowed_s = _KEPT_AT_ONCE, time.monotonic()
        self._has_told = False
        self._tell: Callable[[str, bool, str], None] = lambda _command, _ok, _answer: None
        self.left_out = 0
        """Calls that nobody looked at, and rows that were not kept for want of room or time."""
        self._thread = threading.Thread(target=self._run, name="edgefleet-samples", daemon=True)
        self._thread.start()

    # For threads that predict.

    def offer(self, servable: "Servable", rows: Rows, prediction: "Prediction") -> None:
        """Look at a call soon, if there is time. Never raises, never waits."""
        now_s = time.monotonic()
        if now_s < self._next_look_s or self._jobs.qsize() >= _MOST_WAITING:
            self.left_out += 1
            return
        self._next_look_s = now_s + _BETWEEN_LOOKS_S
        try:
            self._jobs.put(_Call(servable, _first(rows, prediction), prediction.settle()))
        except Exception as error:  # noqa: BLE001  a sample must not cost anybody an answer
            self.left_out += 1
            _log.warning("rows could not be kept as samples: %s", error)

    def compared(self, candidate: "Servable", served: "Served", decoded: "Decoded") -> None:
        """Look at what a candidate in the shadow answered; on the shadow's thread."""
        if served.prediction is None or self._jobs.qsize() >= _MOST_WAITING:
            self.left_out += served.prediction is not None
            return
        self._jobs.put(
            _Compared(
                served.prediction,
                served.encoded,
                served.decoded,
                candidate.manifest.version,
                decoded,
                _answers(decoded, len(decoded.scores)),
            )
        )

    # For the agent's thread.

    def tell_through(self, tell: Callable[[str, bool, str], None]) -> None:
        """Say who hears what came of a command: its id, whether it was done, and the answer."""
        self._tell = tell

    def capture(self, arguments: Mapping[str, JsonValue]) -> int:
        """Begin to hand over what a command asks for, and return how many samples there are.

        Raises:
            UsageError: The purpose is none that the owner allows, or an argument is wrong.
        """
        asked = Asked.of(arguments)
        samples = self._handing_over.found(asked)
        if samples:
            self._jobs.put(lambda: self._handing_over.send(asked, self._tell))
        return len(samples)

    def size_bytes(self) -> int:
        """Return what samples take of the disk."""
        return self._store.size_bytes()

    def clear(self) -> None:
        """Remove all samples, because their room is needed."""
        self._store.clear()

    def close(self) -> None:
        """End soon; what is being sent stays here."""
        self._leaving.set()
        self._jobs.put(None)
        self._thread.join(_LEAVE_S)

    # The keeper's thread.

    def _run(self) -> None:
        lower_priority()
        self._expire()  # the device may have been off for long
        while True:
            try:
                job = self._jobs.get(timeout=_EXPIRE_EVERY_S)
            except queue.Empty:
                self._expire()
                continue
            if job is None or self._leaving.is_set():
                return
            try:
                self._do(job)
            except (EdgeError, OSError) as error:
                self._complain(str(error))
            except Exception:  # noqa: BLE001  the next call may go well
                _log.exception("a defect in samples: this call is left out")
            self._expire()

    def _do(self, job: "_Call | _Compared | Callable[[], None]") -> None:
        match job:
            case _Call(servable, rows, prediction):
                encoded = servable.read(rows)
                judge, _ = self._of(servable.digest)
                reasons = _reasons(judge, encoded, prediction)
                self._keep(prediction, encoded, reasons)
            case _Compared(prediction, encoded, one, candidate, other, answers):
                judge, _ = self._of(prediction.digest)
                where = np.flatnonzero(judge.disagree(one, other)).tolist()
                found = [_Row(i, ("disagreeing",), candidate, answers[i]) for i in where]
                self._keep(prediction, encoded, found)
            case _:
                job()

    def _keep(self, prediction: "Prediction", encoded: "Encoded", rows: Sequence[_Row]) -> None:
        if not rows:
            return
        _, cells = self._of(prediction.digest)
        _, scores = prediction.counted
        predicted = _answers(prediction, len(scores))
        model, _, _ = prediction.model.partition("@")
        for number, reasons, candidate, candidate_predicted in rows:
            if not self._may_keep():
                self.left_out += 1
                continue
            now_unix_s = time.time()
            row = SampleRow(
                prediction_id=prediction.row_id(number),
                at_unix_s=max(now_unix_s, 0.0),
                reasons=reasons,
                predicted=predicted[number],
                score=float(scores[number]),
                candidate=candidate,
                candidate_predicted=candidate_predicted,
                cells=cells.of(encoded.feeds, number),
            )
            kept = KeptSample(
                prediction.digest, model, row.at_unix_s, row.prediction_id, reasons, row.to_json()
            )
            if not self._store.add(kept):
                self.left_out += 1

    def _may_keep(self) -> bool:
        """Return whether one more may be kept: one a second over time, a minute's worth at once."""
        now_s = time.monotonic()
        earned = (now_s - self._allowed_s) * _KEPT_PER_S
        self._allowance = min(self._allowance + earned, _KEPT_AT_ONCE)
        self._allowed_s = now_s
        if self._allowance < 1.0:
            return False
        self._allowance -= 1.0
        return True

    def _of(self, digest: str) -> tuple[SampleJudge, SampleCells]:
        found = self._judges.get(digest)
        if found is None:
            manifest = self._recorder.manifest(digest)
            judge = SampleJudge(manifest, self._recorder.reference(digest))
            found = self._judges[digest] = (judge, SampleCells(manifest))
            while len(self._judges) > 8:
                del self._judges[next(iter(self._judges))]
        return found

    def _expire(self) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_expiry_s:
            self._next_expiry_s = now_s + _EXPIRE_EVERY_S
            self._store.expire(time.time())

    def _complain(self, text: str) -> None:
        self.left_out += 1
        if not self._has_told:
            self._has_told = True
            _log.warning("samples are not kept: %s", text)


def _reasons(judge: SampleJudge, encoded: "Encoded", prediction: "Prediction") -> list[_Row]:
    classes, scores = prediction.counted
    count = encoded.rows
    uncertain = judge.uncertain(classes[:count], scores[:count])
    drifted = judge.drifted(encoded.observed)
    by_chance = np.array([random.random() < _BY_CHANCE for _ in range(count)])  # noqa: S311
    named = {"uncertain": uncertain, "drifted": drifted, "random": by_chance}
    return [
        _Row(number, tuple(reason for reason, holds in named.items() if holds[number]))
        for number in np.flatnonzero(uncertain | drifted | by_chance).tolist()
    ]


def _answers(answer: "Prediction | Decoded", count: int) -> list[str]:
    """Return what was predicted for each row, as people read it; empty where there is nothing."""
    if answer.labels is not None:
        return [str(label) for label in answer.labels.tolist()]
    if answer.values is not None:
        return [str(value) for value in answer.values.tolist()]
    return [""] * count


def _first(rows: Rows, prediction: "Prediction") -> Rows:
    """Return the first rows of a call in memory of their own; callers may change theirs."""
    match rows:
        case Mapping() if len(prediction) > _MOST_ROWS:
            return {name: _head(column) for name, column in rows.items()}
        case Sized() if len(rows) > _MOST_ROWS and len(prediction) == len(rows):
            return _head(rows)
        case _:
            return copy.deepcopy(rows)


def _head(values: _T) -> _T:
    """Return the first items of an array, a list or a table."""
    first: _T = copy.deepcopy(values[:_MOST_ROWS])  # type: ignore[index]  # all of these have that
    return first
