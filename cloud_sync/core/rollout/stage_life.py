"""The life of a stage, as a table.

A stage passes in one way only: out of ANALYSING, or because a person overrules an inconclusive
analysis. A failed stage never passes; it can be tried again after a pause.
"""

import enum
from collections.abc import Mapping
from typing import Final

__all__ = ["TRANSITIONS", "StageEvent", "StageState"]


class StageState(enum.Enum):
    """Where a stage stands."""

    WAITING = "waiting"
    DISPATCHING = "dispatching"  # its devices are told, load it and try it
    SOAKING = "soaking"  # enough of them run it; evidence gathers
    ANALYSING = "analysing"  # it has soaked long enough; the gates decide
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"  # the gates had their time and could not tell


class StageEvent(enum.Enum):
    """What can happen to a stage."""

    BEGIN = "begin"
    DELIVERED = "delivered"
    BAKED = "baked"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    GIVE_UP = "give_up"
    RETRY = "retry"
    OVERRULE = "overrule"


_S, _E = StageState, StageEvent

TRANSITIONS: Final[Mapping[StageState, Mapping[StageEvent, StageState]]] = {
    _S.WAITING: {_E.BEGIN: _S.DISPATCHING},
    _S.DISPATCHING: {
        _E.DELIVERED: _S.SOAKING,
        _E.FAIL: _S.FAILED,
        _E.GIVE_UP: _S.INCONCLUSIVE,
    },
    _S.SOAKING: {_E.BAKED: _S.ANALYSING, _E.FAIL: _S.FAILED},
    _S.ANALYSING: {_E.PASS: _S.PASSED, _E.FAIL: _S.FAILED, _E.GIVE_UP: _S.INCONCLUSIVE},
    _S.INCONCLUSIVE: {
        _E.RETRY: _S.DISPATCHING,
        _E.OVERRULE: _S.PASSED,
        _E.FAIL: _S.FAILED,
    },
    _S.FAILED: {_E.RETRY: _S.DISPATCHING},
    _S.PASSED: {},
}
