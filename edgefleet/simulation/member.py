"""One device in a crowd: when its link is up, when it breaks, and when it has something to do."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_agent.core.agent import AgentConfig
from edge_agent.ports import LinkOptions
from edge_contract.messages import encode
from edge_contract.messages.reconnect import Reconnect
from edgefleet.simulation.habits import Habits
from edgefleet.simulation.light_device import LightDevice
from edgefleet.simulation.light_link import LightLink
from edgefleet.simulation.scenario import Away, Flapping, Scenario
from edgefleet.simulation.shelf import Known
from edgefleet.simulation.tally import Tally

if TYPE_CHECKING:
    from edgefleet.simulation.crowd import Crowd

__all__ = ["Member"]

_HANDSHAKE_S: Final = 10.0
_OUTBOX_BYTES: Final = 262_144
_MEMORIES_MB: Final = (512, 2048)


class Member:
    """A device and its link, over all its connections.

    Args:
        habits: How it behaves.
        scenario: What happens.
        crowd: Turns its link.
        fleet: Name of the fleet.
        chance: Decides.
    """

    def __init__(
        self,
        habits: Habits,
        scenario: Scenario,
        *,
        crowd: "Crowd",
        fleet: str,
        chance: np.random.Generator,
    ) -> None:
        self._habits = habits
        self._crowd = crowd
        self._chance = chance
        self._link: LightLink | None = None
        self._socket = -1
        self._is_blocked = False
        self._reconnect = Reconnect()
        self._up_since_s: float | None = None
        self._wanted = False
        self._is_opening = False
        self._has_arrived = False
        self._may_connect_s = 0.0
        self._wakes_at_s = float("inf")
        config = AgentConfig(
            fleet=fleet,
            device=habits.device,
            models=(scenario.model,),
            interval_s=scenario.interval_s,
            agent_version="simulated",
            facts={
                "cpus": 4,
                "machine": "simulated",
                "memory_mb": _MEMORIES_MB[int(chance.integers(len(_MEMORIES_MB)))],
            },
            tags={"site": habits.site} if habits.site else {},
            outbox_bytes=_OUTBOX_BYTES,
        )
        self.device = LightDevice(config, habits, around=self, chance=chance, publish=self._publish)

    @property
    def is_up(self) -> bool:
        """Whether it has a connection."""
        return self._link is not None and self._link.is_up

    # What the device needs.

    @property
    def tally(self) -> Tally:
        """Where it counts, as everything up to :meth:`serves` a part of :class:`Surroundings`."""
        return self._crowd.tally

    def elapsed_s(self, now_s: float) -> float:
        """See :class:`Surroundings`."""
        return self._crowd.elapsed_s(now_s)

    def unix_s(self, now_s: float) -> float:
        """See :class:`Surroundings`."""
        return self._crowd.unix_s(now_s)

    def later(self, delay_s: float, do: Callable[[float], None]) -> None:
        """See :class:`Surroundings`."""

        def act(now_s: float) -> None:
            do(now_s)
            self._act(now_s)

        self._crowd.at(time.monotonic() + delay_s, act)

    def find(self, digest: str) -> Known | None:
        """See :class:`Surroundings`."""
        return self._crowd.find(digest)

    def want(self, digest: str, url: str) -> None:
        """See :class:`Surroundings`."""
        self._crowd.want(digest, url, self)

    def on_package(self, digest: str, known: Known | None, reason: str) -> None:
        """A package was fetched, or cannot be had now."""
        now_s = time.monotonic()
        self.device.on_package(digest, known, reason, now_s)
        self._act(now_s)

    def serves(self, digest: str) -> None:
        """See :class:`Surroundings`."""
        self._crowd.serves(digest)

    # What the scenario wants.

    def begin(self, now_s: float, *, connects_at_s: float) -> None:
        """Begin to live, and connect then."""
        self.device.begin(now_s)
        self._act(now_s)
        self._wanted = True
        self._crowd.at(connects_at_s, self._connect)
        began_s = now_s - self._crowd.elapsed_s(now_s)
        for flapping in self._habits.flapping:
            first_s = flapping.span.at_s + flapping.up_s * float(self._chance.random())
            self._crowd.at(began_s + first_s, partial(self._flap, flapping))
        for away in self._habits.away:
            self._crowd.at(began_s + away.at_s, partial(self._go_away, away))

    def come_back(self, now_s: float) -> None:
        """Connect now, whatever else was wanted; nothing breaks the link from now on."""
        self._habits = replace(self._habits, flapping=(), away=())
        self._may_connect_s = now_s
        self._wanted = True
        self._connect(now_s)

    def leave(self) -> None:
        """Say farewell and disconnect."""
        self._wanted = False
        if self._link is not None and self._link.is_up:
            self.device.say_farewell()
            self._link.leave()

    def _flap(self, flapping: Flapping, now_s: float) -> None:
        if flapping not in self._habits.flapping:
            return
        if flapping.span.covers(self._crowd.elapsed_s(now_s)):
            down_s = flapping.down_s * (0.5 + float(self._chance.random()))
            self._break(now_s, away_s=down_s)
            up_s = down_s + flapping.up_s * (0.5 + float(self._chance.random()))
            self._crowd.at(now_s + up_s, partial(self._flap, flapping))

    def _go_away(self, away: Away, now_s: float) -> None:
        if away not in self._habits.away:
            return
        self._break(now_s, away_s=away.away_s)
        if away.restarts:
            self._crowd.tally.restarts += 1
            self.device.restart(now_s)
            self._act(now_s)

    def _break(self, now_s: float, *, away_s: float) -> None:
        self._may_connect_s = now_s + away_s
        if self._link is not None:
            self._link.drop()

    # The link.

    def _connect(self, now_s: float) -> None:
        if not self._wanted or self._link is not None or self._is_opening:
            return
        if now_s < self._may_connect_s:
            self._crowd.at(self._may_connect_s, self._connect)
            return
        self._is_opening = True
        core, connector = self.device.core, self._crowd.connector
        options = LinkOptions(
            url=connector.url,
            client_id=core.config.device,
            username=connector.username,
            password=connector.password,
            will_topic=core.topics.events,
            will_payload=encode(core.last_will),
            subscriptions=core.topics.subscriptions,
        )
        connector.open(options, self, forget=self._crowd.forget, done=self._on_opened)

    def _on_opened(self, link: LightLink, reason: str, now_s: float) -> None:
        self._is_opening = False
        sock = link.socket
        if reason or sock is None:
            self._crowd.tally.failed_connects += 1
            self._retry(reason or "connection lost", now_s, up_s=None)
            return
        self._link, self._socket, self._is_blocked = link, sock.fileno(), False
        self._crowd.watch(self, self._socket)
        self._crowd.at(now_s + _HANDSHAKE_S, lambda _then_s: self._give_up(link))
        self._flush()

    def _give_up(self, link: LightLink) -> None:
        """A broker that has not let us in by now is left alone, as a real agent does."""
        if self._link is link and not link.is_up:
            link.drop()

    def on_ready(self, now_s: float, *, is_readable: bool) -> None:
        """The socket has something for us, or takes more."""
        if is_readable and self._link is not None:
            self._link.read()
        self._act(now_s)

    def on_up(self, connecting_s: float) -> None:
        """See :class:`LinkUser`."""
        now_s = time.monotonic()
        self._up_since_s = now_s
        tally = self._crowd.tally
        tally.connected += 1
        tally.connects += 1
        tally.connecting.add(connecting_s)
        if not self._has_arrived:
            self._has_arrived = True
            tally.arriving.add(self._crowd.elapsed_s(now_s))
        self.device.on_connected(now_s)

    def on_down(self, reason: str) -> None:
        """See :class:`LinkUser`."""
        now_s = time.monotonic()
        up_s = None if self._up_since_s is None else now_s - self._up_since_s
        self._link, self._up_since_s = None, None
        if up_s is None:
            self._crowd.tally.failed_connects += 1
        else:
            self._crowd.tally.connected -= 1
            self._crowd.tally.losses += 1 if self._wanted else 0
            self.device.on_disconnected(now_s)
        if self._wanted:
            self._retry(reason, now_s, up_s=up_s)

    def on_message(self, topic: str, payload: bytes) -> None:
        """See :class:`LinkUser`."""
        self._crowd.tally.heard_bytes += len(payload)
        self.device.on_message(topic, payload, time.monotonic())

    def _retry(self, reason: str, now_s: float, *, up_s: float | None) -> None:
        retry = self._reconnect.after(reason, up_s=up_s, jitter=float(self._chance.random()))
        self._crowd.at(max(now_s + retry.wait_s, self._may_connect_s), self._connect)

    def _publish(self, topic: str, payload: bytes) -> bool:
        if self._link is None or not self._link.publish(topic, payload):
            return False
        self._crowd.tally.sent_bytes += len(payload)
        return True

    def _flush(self) -> None:
        """Write what waits; if the socket is full, hear when it takes more."""
        link = self._link
        if link is None:
            return
        link.write()
        if self._link is link and link.wants_write != self._is_blocked:
            self._is_blocked = link.wants_write
            self._crowd.watch_writing(self._socket, is_blocked=self._is_blocked)

    def keep_alive(self) -> None:
        """Show signs of life, and see whether the broker does; to be called every few seconds."""
        if self._link is not None:
            self._link.keep_alive()
            self._flush()

    # Time.

    def close(self, now_s: float) -> None:
        """Count and send what there is."""
        self.device.close(now_s)
        self._act(now_s)

    def _act(self, now_s: float) -> None:
        """Send what it wants sent, and see when it has something to do again."""
        self._flush()
        self._wake(now_s)

    def _on_time(self, now_s: float) -> None:
        if now_s < self._wakes_at_s:
            return
        self._wakes_at_s = float("inf")
        self.device.on_time(now_s)
        self._act(now_s)

    def _wake(self, now_s: float) -> None:
        at_s = max(self.device.wake_at_s(now_s), now_s)
        if at_s < self._wakes_at_s:
            self._wakes_at_s = at_s
            self._crowd.at(at_s, self._on_time)
