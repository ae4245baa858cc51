"""A model slot: the life of one model version on a device, as a table.

A device has two slots per model (A/B, also called blue and green). At most one serves: the one that
is TRIAL or ACTIVE. A slot that fails goes to BAD and the other one serves; nothing here decides
*which* version to install, that is the rollout in the cloud.

Rule: every state change is in ``TRANSITIONS``. An event that is not in the table for the present
state is an error and changes nothing.
"""

import enum
from collections.abc import Mapping
from typing import Final

from edge_contract.errors import UsageError

__all__ = ["TRANSITIONS", "InvalidTransitionError", "Slot", "SlotEvent", "SlotState"]


class SlotState(enum.Enum):
    """Where a model version is in its life on this device."""

    EMPTY = "empty"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"  # all bytes are here: digests, session, golden vectors
    READY = "ready"  # verified, and loaded when the other slot may need to fall back on it
    SHADOW = "shadow"  # runs on live inputs, its outputs are compared and thrown away
    TRIAL = "trial"  # serves, on probation: a failure rolls back
    ACTIVE = "active"  # serves, confirmed good
    BAD = "bad"  # failed here; never tried again under the same digest


class SlotEvent(enum.Enum):
    """What can happen to a slot."""

    DOWNLOAD = "download"
    FETCHED = "fetched"
    VERIFIED = "verified"
    START_SHADOW = "start_shadow"
    STOP_SHADOW = "stop_shadow"
    START_TRIAL = "start_trial"
    CONFIRM = "confirm"
    RETIRE = "retire"
    DAMAGED = "damaged"
    FAIL = "fail"
    CLEAR = "clear"


_S, _E = SlotState, SlotEvent

TRANSITIONS: Final[Mapping[SlotState, Mapping[SlotEvent, SlotState]]] = {
    _S.EMPTY: {_E.DOWNLOAD: _S.DOWNLOADING},
    _S.DOWNLOADING: {_E.FETCHED: _S.VERIFYING, _E.FAIL: _S.BAD, _E.CLEAR: _S.EMPTY},
    _S.VERIFYING: {
        _E.VERIFIED: _S.READY,
        _E.DAMAGED: _S.DOWNLOADING,
        _E.FAIL: _S.BAD,
        _E.CLEAR: _S.EMPTY,
    },
    _S.READY: {
        _E.START_SHADOW: _S.SHADOW,
        _E.START_TRIAL: _S.TRIAL,
        _E.CONFIRM: _S.ACTIVE,  # a version that was good before needs no second trial
        _E.DAMAGED: _S.DOWNLOADING,  # it was good before: its files are not, the version is
        _E.FAIL: _S.BAD,
        _E.CLEAR: _S.EMPTY,
    },
    _S.SHADOW: {
        _E.START_TRIAL: _S.TRIAL,
        _E.STOP_SHADOW: _S.READY,
        _E.FAIL: _S.BAD,
        _E.CLEAR: _S.EMPTY,
    },
    _S.TRIAL: {_E.CONFIRM: _S.ACTIVE, _E.RETIRE: _S.READY, _E.FAIL: _S.BAD},
    _S.ACTIVE: {_E.RETIRE: _S.READY, _E.DAMAGED: _S.DOWNLOADING, _E.FAIL: _S.BAD},
    _S.BAD: {_E.CLEAR: _S.EMPTY},
}


class InvalidTransitionError(UsageError):
    """An event came in a state that has no transition for it.

    Attributes:
        state: The state, unchanged.
        event: The event that was refused.
    """

    def __init__(self, name: str, state: SlotState, event: SlotEvent) -> None:
        allowed = ", ".join(e.value for e in TRANSITIONS[state])
        super().__init__(
            f"slot {name!r} is {state.value}: {event.value!r} refused (can: {allowed})"
        )
        self.state = state
        self.event = event


class Slot:
    """One slot and what is in it.

    Attributes:
        name: ``A`` or ``B``.
        version: Of the package in it; empty while the slot is.
        digest: Of the package in it; empty while the slot is.
        detail: Why it is bad, for people.
        good: Whether it was confirmed once: it may serve without a trial, and others fall back on
            it. Lost when it fails or makes room.
        restarts: How often the agent was started since the slot came into its state; to go into the
            shadow or out of it is no fresh start.
    """

    __slots__ = ("_state", "detail", "digest", "good", "name", "restarts", "version")

    def __init__(self, name: str, state: SlotState = SlotState.EMPTY) -> None:
        self.name = name
        self._state = state
        self.version = ""
        self.digest = ""
        self.detail = ""
        self.good = False
        self.restarts = 0

    @property
    def state(self) -> SlotState:
        """The present state; it changes only through :meth:`handle`."""
        return self._state

    @property
    def serves(self) -> bool:
        """Whether its predictions are the ones that leave."""
        return self._state in (SlotState.TRIAL, SlotState.ACTIVE)

    def handle(self, event: SlotEvent) -> SlotState:
        """Apply ``event`` and return the new state; clearing also forgets the content.

        Raises:
            InvalidTransitionError: The table has no such transition; the state is unchanged.
        """
        try:
            self._state = TRANSITIONS[self._state][event]
        except KeyError:
            raise InvalidTransitionError(self.name, self._state, event) from None
        if event not in (SlotEvent.START_SHADOW, SlotEvent.STOP_SHADOW):
            self.restarts = 0
        match self._state:
            case SlotState.ACTIVE:
                self.good = True
            case SlotState.BAD:
                self.good = False
            case SlotState.EMPTY:
                self.version = self.digest = self.detail = ""
                self.good = False
        return self._state
