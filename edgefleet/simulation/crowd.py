"""Thousands of devices on one thread: their links are turned, and their time passes."""

import heapq
import itertools
import selectors
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import numpy as np

from edge_agent.adapters.mqtt_session import MqttOptions, tls_context
from edge_contract.messages.broker_url import parse_broker_url
from edgefleet.simulation.connecting import Connector
from edgefleet.simulation.habits import Habits
from edgefleet.simulation.member import Member
from edgefleet.simulation.scenario import Scenario
from edgefleet.simulation.shelf import Known, Shelf
from edgefleet.simulation.tally import Tally

__all__ = ["BrokerAccess", "Crowd"]

_LONGEST_TURN_S: Final = 0.1
_KEEP_ALIVE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class BrokerAccess:
    """How devices reach the broker.

    Attributes:
        url: Of the broker.
        fleet: Name of the fleet.
        username: For all of them; ``None`` if the broker asks for none.
        password: Goes with it.
        ca_file: Certificates to trust; ``None`` trusts what the system trusts.
    """

    url: str
    fleet: str = "default"
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None


class Crowd:
    """Some of the devices of a simulation. One thread calls it.

    Args:
        scenario: What happens.
        numbers: Which of its devices these are.
        access: How they reach the broker.
        prefix: What their names begin with.
        folder: For packages.
        began_unix_s: When the simulation began, or will.

    Attributes:
        tally: What was counted so far.
        served: When devices first reported a version as active, by digest, since the last time.
    """

    def __init__(
        self,
        scenario: Scenario,
        numbers: Sequence[int],
        *,
        access: BrokerAccess,
        prefix: str,
        folder: Path,
        began_unix_s: float,
    ) -> None:
        self._began_unix_s = began_unix_s
        self._began_s = time.monotonic() + began_unix_s - time.time()
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._news: SimpleQueue[Callable[[float], None]] = SimpleQueue()
        self._waiting: defaultdict[str, list[Member]] = defaultdict(list)
        self._keeps_alive_at_s = 0.0
        self.tally = Tally(devices=len(numbers))
        self.served: list[tuple[str, float]] = []
        url = parse_broker_url(access.url)
        self._shelf = Shelf(folder, url.host, self._on_package)
        options = MqttOptions(
            url=access.url,
            client_id="simulation",
            ca_file=access.ca_file,
            username=access.username,
            password=access.password,
            will_topic="",
            will_payload=b"",
            is_will_retained=False,
            subscriptions=(),
            subscription_qos=0,
            max_unconfirmed=1,
        )
        tls = tls_context(url, options)
        self.connector = Connector(url, access.username, access.password, tls, self._news.put)
        chance = np.random.default_rng([scenario.seed, *numbers[:1]])
        self.members = [
            Member(
                Habits.of(scenario, f"{prefix}{number:05d}", scenario.site_of(number)),
                scenario,
                crowd=self,
                fleet=access.fleet,
                chance=chance,
            )
            for number in numbers
        ]
        self._by_socket: dict[int, Member] = {}

    # What devices need.

    def elapsed_s(self, now_s: float) -> float:
        """Return the time since the simulation began."""
        return now_s - self._began_s

    def unix_s(self, now_s: float) -> float:
        """Return the time by a right clock."""
        return self._began_unix_s + now_s - self._began_s

    def at(self, at_s: float, do: Callable[[float], None]) -> None:
        """Do something at a time of the monotonic clock."""
        heapq.heappush(self._due, (at_s, next(self._order), do))

    def find(self, digest: str) -> Known | None:
        """Return a package that is here."""
        return self._shelf.find(digest)

    def want(self, digest: str, url: str, member: Member) -> None:
        """Fetch a package, then tell its device."""
        known = self._shelf.find(digest)
        if known is not None:
            member.on_package(digest, known, "")
            return
        self._waiting[digest].append(member)
        self._shelf.want(digest, url)

    def serves(self, digest: str) -> None:
        """Note that a device has reported a version as active."""
        self.served.append((digest, time.time()))

    # Sockets.

    def watch(self, member: Member, number: int) -> None:
        """Read from a socket from now on."""
        self._by_socket[number] = member
        self._selector.register(number, selectors.EVENT_READ)

    def watch_writing(self, number: int, *, is_blocked: bool) -> None:
        """Say whether a socket is full, so that its member hears when it takes more."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_blocked else 0)
        self._selector.modify(number, events)

    def forget(self, number: int) -> None:
        """A socket is about to be closed."""
        if self._by_socket.pop(number, None) is not None:
            self._selector.unregister(number)

    # The thread.

    def turn(self) -> None:
        """Do what there is to do, for about a tenth of a second at most."""
        now_s = time.monotonic()
        wait_s = self._due[0][0] - now_s if self._due else _LONGEST_TURN_S
        for key, events in self._selector.select(min(max(wait_s, 0.0), _LONGEST_TURN_S)):
            member = self._by_socket.get(key.fd)
            if member is not None:
                member.on_ready(
                    time.monotonic(),
                    is_readable=bool(events & selectors.EVENT_READ),
                )
        self._keep_alive()
        ends_s = time.monotonic() + _LONGEST_TURN_S
        self._hear_news(ends_s)
        while self._due and self._due[0][0] <= (now_s := time.monotonic()) < ends_s:
            heapq.heappop(self._due)[2](now_s)

    def close(self) -> None:
        """Let go of all threads and sockets."""
        self.connector.close()
        self._shelf.close()
        self._by_socket.clear()  # sockets that are closed from now on are nobody's
        self._selector.close()

    def _keep_alive(self) -> None:
        """Not one by one when it is due: however far behind we are, no link shall break for it."""
        if time.monotonic() >= self._keeps_alive_at_s:
            self._keeps_alive_at_s = time.monotonic() + _KEEP_ALIVE_S
            for member in self.members:
                member.keep_alive()

    def _hear_news(self, ends_s: float) -> None:
        while (now_s := time.monotonic()) < ends_s:
            try:
                self._news.get_nowait()(now_s)
            except Empty:
                return

    def _on_package(self, digest: str, known: Known | None, reason: str) -> None:
        """On the thread of the shelf."""

        def tell(_now_s: float) -> None:
            for member in self._waiting.pop(digest, []):
                member.on_package(digest, known, reason)

        self._news.put(tell)
