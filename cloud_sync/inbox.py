"""The inbox: what devices say goes to the core that it is for; what cannot be read is counted."""

import logging
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from cloud_sync.core.collector import Collector
from cloud_sync.core.fleet import Fleet
from cloud_sync.core.fleet_effects import FleetEffect
from cloud_sync.core.flow_limit import FlowLimit
from cloud_sync.core.intake import Refusal, RefusalKind, read_event
from edge_contract.errors import MessageError
from edge_contract.messages import TelemetryBatch, parse_up_topic

__all__ = ["Inbox", "Letter", "Taken", "read_ahead"]

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


class Letter(NamedTuple):
    """A message that its device may send.

    Attributes:
        topic: Where it came.
        payload: What came.
        channel: Of the topic.
        device: Of the topic.
        batch: What was read of telemetry together with other messages; ``None`` for nothing.
    """

    topic: str
    payload: bytes
    channel: str
    device: str
    batch: TelemetryBatch | None = None


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

    def look_over(self, messages: Sequence[tuple[str, bytes]]) -> list[Letter]:
        """Return the messages that are to be taken, one after the other; the rest is refused."""
        letters = [
            letter for topic, payload in messages if (letter := self._letter(topic, payload))
        ]
        telemetry = [place for place, letter in enumerate(letters) if letter.channel == "t"]
        batches = read_ahead(self._collector, [letters[place][:2] for place in telemetry])
        for place, batch in zip(telemetry, batches, strict=True):
            letters[place] = letters[place]._replace(batch=batch)
        return letters

    def take(self, letter: Letter) -> Taken:
        """Read one message."""
        now_unix_s = time.time()
        topic, payload, channel, device, batch = letter
        if channel == "e":
            try:
                event = read_event(topic, payload)
            except MessageError as error:
                self._ignore(topic, error)
                return Taken([], is_event=False)
            return Taken(self._fleet.on_event(event, now_unix_s), is_event=True)
        outcome = self._collector.on_telemetry(topic, payload, now_unix_s, decoded=batch)
        if isinstance(outcome, Refusal):
            self._log(f"refused telemetry of {outcome.device!r}: {outcome.reason}")
            return Taken([], is_event=False)
        return Taken(self._fleet.on_heard(device, now_unix_s), is_event=False)

    def _letter(self, topic: str, payload: bytes) -> Letter | None:
        """Return a message that its device may send now."""
        try:
            channel, device = parse_up_topic(topic)[1:]
        except MessageError as error:
            self._ignore(topic, error)
            return None
        if not self._flow.allows(device, len(payload), time.monotonic()):
            self._collector.refuse(RefusalKind.TOO_FAST)
            self._log(f"device {device!r} sends too much at once: it is heard later")
            return None
        return Letter(topic, payload, channel, device)

    def _ignore(self, topic: str, error: MessageError) -> None:
        self._collector.refuse(RefusalKind.UNREADABLE)
        self._log(f"ignored a message on {topic!r}: {error}")

    def _log(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s >= self._logged_s + _REFUSALS_LOGGED_S:
            self._logged_s = now_s
            _log.warning("%s", text)


def read_ahead(
    collector: Collector, messages: Sequence[tuple[str, bytes]]
) -> Sequence[TelemetryBatch | None]:
    """Return what a collector reads of messages together; nothing of any if that goes wrong."""
    try:
        return collector.decoded(messages)
    except Exception:  # noqa: BLE001  each is still read by itself, as without numpy
        _log.exception("a defect in the collector: messages are read one after the other")
        return [None] * len(messages)
