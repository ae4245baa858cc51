"""Real links for tests, and what they tell."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from edge_agent.adapters.paho_link import PahoLink
from edge_agent.ports import Link, LinkOptions
from edge_contract.messages.reconnect import Reconnect

__all__ = ["LINKS", "Links", "Listener", "wait_until"]

LINKS = ("device", "cloud")
_names = (f"link-{number}" for number in itertools.count())


@dataclass
class Listener:
    """Notes what a link tells, in order."""

    told: list[tuple[str, ...]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def on_connected(self) -> None:
        self._note("connected")

    def on_disconnected(self, reason: str) -> None:
        self._note("disconnected", reason)

    def on_message(self, topic: str, payload: bytes) -> None:
        self._note("message", topic, payload.decode())

    def _note(self, *what: str) -> None:
        with self._changed:
            self.told.append(what)
            self._changed.notify_all()

    def wait_for(self, *what: str, times: int = 1, within_s: float = 5.0) -> None:
        """Wait until what begins with these words was told so many times."""

        def enough() -> bool:
            return sum(told[: len(what)] == what for told in self.told) >= times

        with self._changed:
            assert self._changed.wait_for(enough, within_s), f"{what} is not in {self.told}"

    @property
    def messages(self) -> list[tuple[str, ...]]:
        return [told[1:] for told in self.told if told[0] == "message"]

    @property
    def reasons(self) -> list[str]:
        return [told[1] for told in self.told if told[0] == "disconnected"]


@dataclass
class Links:
    """Makes links of one kind and closes them at the end of the test."""

    kind: str
    made: list[Link] = field(default_factory=list)

    def make(
        self,
        url: str,
        *subscriptions: str,
        client_id: str = "",
        will: tuple[str, bytes] = ("ef1/f/e/1/will", b"gone"),
        handshake_s: float = 10.0,
    ) -> Link:
        client_id = client_id or next(_names)
        quickly = Reconnect(min_s=0.02, max_s=0.1)
        link: Link
        if self.kind == "device":
            options = LinkOptions(
                url=url,
                client_id=client_id,
                will_topic=will[0],
                will_payload=will[1],
                subscriptions=subscriptions,
            )
            link = PahoLink(options, reconnect=quickly, handshake_s=handshake_s)
        else:
            fleet_options = FleetLinkOptions(
                url=url,
                client_id=client_id,
                will_topic=will[0],
                will_payload=will[1],
                subscriptions=subscriptions,
            )
            link = PahoFleetLink(fleet_options, reconnect=quickly, handshake_s=handshake_s)
        self.made.append(link)
        return link

    def connect(self, url: str, *subscriptions: str, client_id: str = "") -> tuple[Link, Listener]:
        """Make a link and wait until it is up."""
        link, listener = self.make(url, *subscriptions, client_id=client_id), Listener()
        link.start(listener)
        listener.wait_for("connected")
        return link, listener


def wait_until(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait until ``holds()`` is true."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"not within {within_s} s"
        time.sleep(0.01)
