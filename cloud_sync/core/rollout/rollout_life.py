"""The life of a rollout, as a table.

Every change of state is in ``TRANSITIONS``. No way leads from an ended rollout to another state:
going back later is a rollout of its own.
"""

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["ENDED", "TRANSITIONS", "RolloutEvent", "RolloutState"]


class RolloutState(enum.Enum):
    """Where a rollout stands."""

    DRAFT = "draft"
    VALIDATING = "validating"
    AWAITING_APPROVAL = "awaiting_approval"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"  # nothing widens; the gates still watch
    FINALISING = "finalising"  # all stages passed: the candidate becomes the stable version
    SUCCEEDED = "succeeded"
    ABORTING = "aborting"  # stopped; devices go back to the stable version
    ABORTED = "aborted"
    ROLLING_BACK = "rolling_back"  # a gate or a person found it bad; devices go back
    ROLLED_BACK = "rolled_back"
    SUPERSEDED = "superseded"  # another rollout of the model has taken over its devices


class RolloutEvent(enum.Enum):
    """What can happen to a rollout."""

    SUBMIT = "submit"
    ASK = "ask"
    APPROVE = "approve"
    SCHEDULE = "schedule"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    FINALISE = "finalise"
    ABORT = "abort"
    ROLL_BACK = "rollback"
    FINISH = "finish"
    SUPERSEDE = "supersede"


_S, _E = RolloutState, RolloutEvent

TRANSITIONS: Final[Mapping[RolloutState, Mapping[RolloutEvent, RolloutState]]] = {
    _S.DRAFT: {_E.SUBMIT: _S.VALIDATING, _E.ABORT: _S.ABORTED},
    _S.VALIDATING: {
        _E.ASK: _S.AWAITING_APPROVAL,
        _E.SCHEDULE: _S.SCHEDULED,
        _E.ABORT: _S.ABORTED,
    },
    _S.AWAITING_APPROVAL: {
        _E.APPROVE: _S.SCHEDULED,
        _E.ABORT: _S.ABORTING,
        _E.SUPERSEDE: _S.SUPERSEDED,
    },
    _S.SCHEDULED: {
        _E.START: _S.RUNNING,
        _E.ABORT: _S.ABORTING,
        _E.SUPERSEDE: _S.SUPERSEDED,
    },
    _S.RUNNING: {
        _E.PAUSE: _S.PAUSED,
        _E.APPROVE: _S.RUNNING,  # the next stage may begin
        _E.RETRY: _S.RUNNING,  # devices that failed try again
        _E.FINALISE: _S.FINALISING,
        _E.ABORT: _S.ABORTING,
        _E.ROLL_BACK: _S.ROLLING_BACK,
        _E.SUPERSEDE: _S.SUPERSEDED,
    },
    _S.PAUSED: {
        _E.RESUME: _S.RUNNING,
        _E.RETRY: _S.RUNNING,
        _E.ABORT: _S.ABORTING,
        _E.ROLL_BACK: _S.ROLLING_BACK,
        _E.SUPERSEDE: _S.SUPERSEDED,
    },
    _S.FINALISING: {_E.FINISH: _S.SUCCEEDED},
    _S.ABORTING: {_E.FINISH: _S.ABORTED},
    _S.ROLLING_BACK: {_E.FINISH: _S.ROLLED_BACK},
    _S.SUCCEEDED: {},
    _S.ABORTED: {},
    _S.ROLLED_BACK: {},
    _S.SUPERSEDED: {},
}

ENDED: Final = frozenset(state for state, ways in TRANSITIONS.items() if not ways)
"""States that nothing leads out of."""
