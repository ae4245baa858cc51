"""The life of a rollout on one device, as a table.

Success is what the device *reports to run* after its own trial, never that something was sent or
written. A device whose report comes after its time was up has succeeded all the same.
"""

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["FINISHED", "TRANSITIONS", "UNHEALTHY", "ExecutionEvent", "ExecutionState"]


class ExecutionState(enum.Enum):
    """How far a device is."""

    QUEUED = "queued"  # in the stage, not told yet
    NOTIFIED = "notified"  # told by its desired state, which waits for it if it is offline
    IN_PROGRESS = "in_progress"  # loads, verifies or tries it
    SUCCEEDED = "succeeded"  # reports that it runs it, as the stage wants it run
    FAILED = "failed"  # ran it and found it bad; serves what it served before
    REJECTED = "rejected"  # refused it before it ran: damaged, or cannot run there
    TIMED_OUT = "timed_out"  # was reachable and did nothing for too long
    CANCELLED = "cancelled"  # taken back before it ran it
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"  # ran it and reports to run the earlier version again


class ExecutionEvent(enum.Enum):
    """What can happen to a device in a rollout."""

    NOTIFY = "notify"
    PROGRESS = "progress"
    SUCCEED = "succeed"
    FAIL = "fail"
    REJECT = "reject"
    TIME_OUT = "time_out"
    REQUEUE = "requeue"
    CANCEL = "cancel"
    ROLL_BACK = "roll_back"
    SUPERSEDE = "supersede"


_S, _E = ExecutionState, ExecutionEvent

_OUTCOMES: Final[Mapping[ExecutionEvent, ExecutionState]] = {
    _E.SUCCEED: _S.SUCCEEDED,
    _E.FAIL: _S.FAILED,
    _E.REJECT: _S.REJECTED,
    _E.CANCEL: _S.CANCELLED,
    _E.ROLL_BACK: _S.ROLLED_BACK,
    _E.SUPERSEDE: _S.SUPERSEDED,
}

TRANSITIONS: Final[Mapping[ExecutionState, Mapping[ExecutionEvent, ExecutionState]]] = {
    _S.QUEUED: {
        _E.NOTIFY: _S.NOTIFIED,
        _E.CANCEL: _S.CANCELLED,
        _E.SUPERSEDE: _S.SUPERSEDED,
    },
    _S.NOTIFIED: {**_OUTCOMES, _E.PROGRESS: _S.IN_PROGRESS, _E.TIME_OUT: _S.TIMED_OUT},
    _S.IN_PROGRESS: {**_OUTCOMES, _E.TIME_OUT: _S.TIMED_OUT},
    _S.SUCCEEDED: {
        _E.FAIL: _S.FAILED,
        _E.REQUEUE: _S.QUEUED,  # the next stage wants more of it
        _E.TIME_OUT: _S.TIMED_OUT,  # shall go back, and was not heard of
        _E.CANCEL: _S.CANCELLED,
        _E.ROLL_BACK: _S.ROLLED_BACK,
        _E.SUPERSEDE: _S.SUPERSEDED,
    },
    _S.TIMED_OUT: {**_OUTCOMES, _E.PROGRESS: _S.IN_PROGRESS, _E.REQUEUE: _S.QUEUED},
    _S.FAILED: {_E.REQUEUE: _S.QUEUED, _E.SUPERSEDE: _S.SUPERSEDED},
    _S.REJECTED: {
        _E.FAIL: _S.FAILED,  # its report of the trial was lost, but not the rows it served
        _E.REQUEUE: _S.QUEUED,
        _E.SUPERSEDE: _S.SUPERSEDED,
    },
    _S.CANCELLED: {_E.SUPERSEDE: _S.SUPERSEDED},
    _S.SUPERSEDED: {},
    _S.ROLLED_BACK: {_E.SUPERSEDE: _S.SUPERSEDED},
}

UNHEALTHY: Final = frozenset({_S.FAILED, _S.REJECTED, _S.TIMED_OUT})
"""What counts against the candidate."""

FINISHED: Final = frozenset({_S.SUCCEEDED, *UNHEALTHY})
"""Executions of a stage that is under way which need no more waiting."""
