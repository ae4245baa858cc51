"""The conductor: one thread that owns collector, fleet, rollouts and alarms.

Messages and orders come in over a queue; nothing else touches the cores. A batch is acknowledged
only after the transaction that holds its counts has been committed.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from typing import Final, Protocol, TypeAlias, TypeVar

from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.collector_desk import CollectorDesk
from cloud_sync.core.collector import Collector
from cloud_sync.core.facts import EvidenceSource
from cloud_sync.core.fleet import Fleet
from cloud_sync.core.fleet_effects import FleetEffect, SaveDevice
from cloud_sync.core.retention import Retention
from cloud_sync.core.rollout import RolloutController, RolloutEffect
from cloud_sync.core.segment_index import SegmentIndex
from cloud_sync.core.shards import CollectorId
from cloud_sync.drift_round import DriftRound
from cloud_sync.fleet_desk import Dress, FleetDesk, as_it_is
from cloud_sync.inbox import Inbox, Letter
from cloud_sync.janitor import Janitor
from cloud_sync.ports import FleetLink, PackageRepository, Warehouse
from cloud_sync.pulse import Pulse
from cloud_sync.rollout_desk import RolloutDesk
from cloud_sync.snapshot import Snapshot
from edge_contract.errors import EdgeError, UnavailableError
from edge_contract.messages import CollectorState, FleetTopics, encode

__all__ = ["Broker", "Conductor"]

_log = logging.getLogger("edgefleet.cloud")

_TICK_S: Final = 1.0
_ORDER_TIMEOUT_S: Final = 30.0
_TELL_AGAIN_S: Final = 30.0  # and then less and less often: every device hears it
_TELL_AT_LEAST_S: Final = 600.0
_OVERLAP_S: Final = 5.0  # commits and clocks of other collectors may be as late
_MOST_AT_ONCE: Final = 2_000
_SNAPSHOT_S: Final = 0.1  # pages need no more; each one looks at the whole fleet

_MOST_TOGETHER: Final = 200

T = TypeVar("T")

_Input: TypeAlias = tuple[str, bytes] | Callable[[], None] | None
"""A message with its topic, an order, or the end."""


class Broker(Protocol):
    """An embedded broker, watched and started again when it dies."""

    @property
    def pid(self) -> int | None:
        """Process id; ``None`` while it does not run."""
        ...

    def restart(self) -> None:
        """Start it again."""
        ...

    def needs_restart(self) -> bool:
        """Whether it runs, and will not do its work again before it is started anew."""
        ...


class Conductor:
    """Runs the cores; other threads hand it messages and orders.

    Args:
        fleet_name: Name of the fleet.
        collector: Merges telemetry.
        fleet: Knows the devices.
        rollouts: Steers versions.
        alarms: Watches for drift.
        segments: Knows which groups devices are in.
        warehouse: Where everything is kept.
        packages: The registry.
        evidence: Statistics for gates.
        link: To the broker.
        broker: The embedded broker, if it is ours.
        flush_s: Longest time between a batch and its commit.
        analysis_s: Time between two looks at new counts.
        retention: How long windows are kept, and how finely.
        identity: Who we are among several collectors; ``None`` for the only one.
        dress: Makes a command what one device gets.
        chores: What else the janitor does, given the time.
    """

    def __init__(  # noqa: PLR0913  it is where everything meets
        self,
        fleet_name: str,
        *,
        collector: Collector,
        fleet: Fleet,
        rollouts: RolloutController,
        alarms: AlarmDesk,
        segments: SegmentIndex,
        warehouse: Warehouse,
        packages: PackageRepository,
        evidence: EvidenceSource,
        link: FleetLink,
        broker: Broker | None,
        flush_s: float,
        analysis_s: float,
        retention: Retention,
        identity: CollectorId | None = None,
        dress: Dress = as_it_is,
        chores: Sequence[Callable[[float], object]] = (),
    ) -> None:
        self._topics = FleetTopics(fleet_name)
        self.collector = collector
        self.fleet = fleet
        self.rollouts = rollouts
        self._drift = DriftRound(alarms, segments, every_s=analysis_s)
        self._inbox = Inbox(collector, fleet)
        self._segments = segments
        self._warehouse = warehouse
        self._link = link
        self._fleet_desk = FleetDesk(self._topics, warehouse, link, dress)
        self._rollout_desk = RolloutDesk(
            rollouts,
            fleet,
            tell=self._hold,
            store=warehouse,
            packages=packages,
            evidence=evidence,
        )
        self._broker = broker
        self._flush_s = flush_s
        self._collecting = CollectorDesk(
            collector,
            topics=self._topics,
            warehouse=warehouse,
            link=link,
            identity=identity,
            besides=(self._topics.all_events,),
        )
        self._heard_unix_s = time.time()
        self._janitor = Janitor(warehouse, packages, retention, chores)
        self._inputs: queue.SimpleQueue[_Input] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)
        self._told_listening: bool | None = None
        self._leaving = False
        self._tell_again_s = 0.0
        self._tell_every_s = _TELL_AGAIN_S
        self._changed = False
        self._held: list[FleetEffect] = []
        self.pulse = Pulse()
        self.snapshot = Snapshot()
        self._take_snapshot()  # whoever asks right after a restart must not find an empty fleet

    # For other threads.

    def start(self, first: Callable[[], None]) -> None:
        """Begin to work, with ``first`` before anything else, and connect to the broker."""
        self._inputs.put(first)
        self._inputs.put(self._collecting.tick)
        self._thread.start()
        self._janitor.start()
        self._link.start(self)

    def stop(self) -> None:
        """Tell devices to hold back, write what was received, and end."""
        self._inputs.put(self._say_goodbye)
        self._inputs.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._janitor.stop()
        self._link.close()

    def order(self, work: Callable[[], T]) -> T:
        """Run ``work`` on the conductor's thread and return what it returns or raises.

        Raises:
            UnavailableError: The conductor did not come to it in time.
        """
        done: Future[T] = Future()

        def attempt() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                result = work()
            except Exception as error:  # noqa: BLE001  whoever ordered it gets it
                self._changed = True
                done.set_exception(error)
            else:
                self._attempt(self._take_snapshot)  # who looks at what came of it shall see it
                done.set_result(result)

        self._inputs.put(attempt)
        try:
            return done.result(_ORDER_TIMEOUT_S)
        except FutureTimeoutError as error:
            done.cancel()
            raise UnavailableError("the cloud is too busy for this now; try again") from error

    @property
    def waiting(self) -> int:
        """Messages and orders that wait for the conductor."""
        return self._inputs.qsize()

    def on_connected(self) -> None:
        """The link is up."""
        self.pulse.connected()
        _log.info("connected to the broker")
        self._inputs.put(self._connected_again)

    def on_disconnected(self, reason: str) -> None:
        """The link is down."""
        self.pulse.disconnected()
        _log.warning("lost the broker: %s", reason)

    def on_message(self, topic: str, payload: bytes) -> None:
        """A device said something."""
        self._inputs.put((topic, payload))

    # The conductor's thread.

    def _run(self) -> None:
        next_flush_s = next_tick_s = next_snapshot_s = time.monotonic()
        while True:
            due_s = min(next_flush_s, next_tick_s)
            due_s = min(due_s, next_snapshot_s) if self._changed else due_s
            wait_s = max(due_s - time.monotonic(), 0.0)
            is_going_on = self._work_off(wait_s)
            self._attempt(self._carry_out_held)
            if not is_going_on:
                self._attempt(self._flush)
                self._attempt(self._collecting.leave)
                return
            now_s = time.monotonic()
            # What could not be written is tried again, but not at once.
            if now_s >= next_flush_s or (self.collector.is_full and not self._collecting.failed):
                next_flush_s = now_s + self._flush_s
                self._attempt(self._flush)
            if now_s >= next_tick_s:
                next_tick_s = now_s + _TICK_S
                self._attempt(self._tick)
            if self._changed and time.monotonic() >= next_snapshot_s:
                self._changed = False
                self._attempt(self._take_snapshot)
                next_snapshot_s = time.monotonic() + _SNAPSHOT_S

    def _work_off(self, wait_s: float) -> bool:
        """Do what is in the queue, but not for ever; return whether to go on."""
        messages: list[tuple[str, bytes]] = []
        for _ in range(_MOST_AT_ONCE):
            try:
                work = self._inputs.get(timeout=wait_s)
            except queue.Empty:
                break
            wait_s = 0.0
            if isinstance(work, tuple):
                messages.append(work)
                if len(messages) < min(_MOST_TOGETHER, self.collector.room):
                    continue
            self._take(messages)
            if work is None:
                return False
            if not isinstance(work, tuple):
                self._attempt(work)
            if self.collector.is_full:
                break
        self._take(messages)
        return True

    def _take(self, messages: list[tuple[str, bytes]]) -> None:
        """Read messages that came one after the other, and forget them."""
        for letter in self._inbox.look_over(messages):
            self._attempt(partial(self._on_letter, letter))
        messages.clear()

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except EdgeError as error:
            _log.warning("%s", error)
        except Exception:  # noqa: BLE001  one bad message must not stop the service
            _log.exception("a defect in the cloud: this step is skipped, the service goes on")

    def _on_letter(self, letter: Letter) -> None:
        taken = self._inbox.take(letter)
        self._hold(taken.effects)
        self._changed = self._changed or taken.is_event

    def _flush(self) -> None:
        """Write what was merged and acknowledge it; nothing is acknowledged that is not written."""
        begun_s = time.monotonic()
        try:
            if self._collecting.flush():
                self.pulse.committed(time.monotonic() - begun_s)
                self._changed = True
        except BaseException:
            self.pulse.commit_failed()
            raise
        finally:
            self._tell_state()

    def _tick(self) -> None:
        """Do what is due; what goes wrong with one thing is no reason to leave out the others."""
        self.pulse.beat()
        for part in (
            self._look_after_broker,
            self._look_after_fleet,
            self._look_for_drift,
            self._look_after_rollouts,
            self._collecting.tick,
            self._carry_out_held,
        ):
            self._attempt(part)

    def _look_after_broker(self) -> None:
        if self._broker is None:
            return
        if self._broker.pid is None:
            _log.warning("the broker ended; starting it again")
            self._broker.restart()
        elif self._broker.needs_restart():
            _log.warning("the disk was full for the broker, and has room now; starting it again")
            self._broker.restart()

    def _look_after_fleet(self) -> None:
        self.carry_out(self.fleet.on_tick(time.time()))
        if self._collecting.shares:
            self._hear_through_others()
        if time.monotonic() >= self._tell_again_s:  # a broker just started may lose retained ones
            self._tell_again_s = time.monotonic() + self._tell_every_s
            self._tell_every_s = min(2 * self._tell_every_s, _TELL_AT_LEAST_S)
            self._told_listening = None
            self._tell_state()

    def _hear_through_others(self) -> None:
        """Devices whose telemetry another collector merges are no less alive."""
        since_unix_s, self._heard_unix_s = self._heard_unix_s, time.time()
        for device, at_unix_s in self._warehouse.heard_since(since_unix_s - _OVERLAP_S).items():
            self._hold(self.fleet.on_heard(device, at_unix_s))

    def _look_for_drift(self) -> None:
        if self._drift.tick():
            self._changed = True

    def _look_after_rollouts(self) -> None:
        if self._rollout_desk.tick(time.time()):
            self._changed = True

    # What the cores ask for; other threads use these only in work that they order.

    def carry_out(self, effects: Iterable[FleetEffect]) -> None:
        """Do what the fleet asks for, at once."""
        self._hold(effects)
        self._carry_out_held()

    def _hold(self, effects: Iterable[FleetEffect]) -> None:
        """Do what the fleet asks for soon, together with what else it does: a write takes long."""
        for effect in effects:
            if isinstance(effect, SaveDevice):
                self._segments.note(effect.twin.facts())
            self._held.append(effect)

    def _carry_out_held(self) -> None:
        held, self._held = self._held, []
        if held and self._fleet_desk.carry_out(held):
            self._changed = True

    def carry_out_rollout(self, effects: Sequence[RolloutEffect]) -> None:
        """Do what an order asks for, and look at the rollouts at once.

        Whoever gave the order sees it under way, and may give the next one.
        """
        self._rollout_desk.carry_out(effects)
        self._rollout_desk.tick(time.time())
        self._carry_out_held()

    # What devices and pages are told.

    def _connected_again(self) -> None:
        self._told_listening = None
        self._tell_every_s = _TELL_AGAIN_S
        self._tell_again_s = time.monotonic() + _TELL_AGAIN_S
        self._tell_state()

    def _tell_state(self) -> None:
        listening = not self.collector.is_full and not self._leaving
        if listening != self._told_listening and self._link.publish(
            self._topics.collector_state, encode(CollectorState(listening=listening)), retain=True
        ):
            self._told_listening = listening

    def _say_goodbye(self) -> None:
        self._leaving = True
        self._flush()

    def _take_snapshot(self) -> None:
        self.snapshot = self.snapshot.next(self.fleet, self.rollouts)
