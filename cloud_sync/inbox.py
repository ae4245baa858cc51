"""The inbox: what devices say goes to the core that it is for; what cannot be read is counted."""

import logging
import time
from typing import Final, NamedTuple

from cloud_sync.core.collector import Collector
from cloud_sync.core.fleet import Fleet
from cloud_sync.core.fleet_effects import FleetEffect
from cloud_sync.core.flow_limit import FlowLimit
from cloud_sync.core.intake import Refusal, RefusalKind, read_event
from edge_contract.errors import MessageError
from edge_contract.messages import parse_up_topic

__all__ = ["Inbox", "Taken"]

_log = logging.getLogger("edgefleet.cloud")

_REFUSALS_LOGGED_S: Final = 5.0  # at most one refusal is logged in so long


class Taken(NamedTuple):
    """What a message led to.

    Attributes:
        effects: What the fleet asks for because of it.
        is_event: Whether it was an event, which pages show at once.
    """

    effects: list[FleetEffect]
    is_event: bool


class Inbox:
    """Reads messages. Used by the conductor's thread.

    Args:
        collector: Gets telemetry.
        fleet: Gets events, and hears of everybody who sends anything.
        flow: Bounds how fast a device may speak.
    """

    def __init__(
        self, collector: Collector, fleet: Fleet, *, flow: FlowLimit | None = None
    ) -> None:
        self._collector = collector
        self._fleet = fleet
        self._flow = flow or FlowLimit()
        self._logged_s = 0.0

    def take(self, topic: str, payload: bytes) -> Taken:
        """Read one message."""
        now_unix_s = time.time()
        try:
            channel, device = parse_up_topic(topic)[1:]
            if not self._flow.allows(device, len(payload), time.monotonic()):
                self._collector.refuse(RefusalKind.TOO_FAST)
                self._log(f"device {device!r} sends too much at once: it is heard later")
                return Taken([], is_event=False)
            event = read_event(topic, payload) if channel == "e" else None
        except MessageError as error:
            self._collector.refuse(RefusalKind.UNREADABLE)
            self._log(f"ignored a message on {topic!r}: {error}")
            return Taken([], is_event=False)
        if event is not None:
            return Taken(self._fleet.on_event(event, now_unix_s), is_event=True)
        outcome = self._collector.on_telemetry(topic, payload, now_unix_s)
        if isinstance(outcome, Refusal):
            self._log(f"refused telemetry of {outcome.device!r}: {outcome.reason}")
            return Taken([], is_event=False)
        return Taken(self._fleet.on_heard(device, now_unix_s), is_event=False)

    def _log(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s >= self._logged_s + _REFUSALS_LOGGED_S:
            self._logged_s = now_s
            _log.warning("%s", text)
