"""The conductor: one thread that owns collector, fleet, rollouts and alarms.

Messages and orders come in over a queue; nothing else touches the cores. A batch is acknowledged
only after the transaction that holds its counts has been committed.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.core.collector import Collector
from cloud_sync.core.facts import DeviceFacts, EvidenceSource
from cloud_sync.core.fleet import Fleet
from cloud_sync.core.fleet_effects import (
    FleetEffect,
    PublishDesired,
    SaveCommand,
    SaveDevice,
    SaveResult,
    SendCommand,
)
from cloud_sync.core.intake import Refusal, read_event
from cloud_sync.core.records import RolloutRecord
from cloud_sync.core.rollout import (
    Assign,
    Happened,
    RolloutController,
    RolloutEffect,
    RolloutSummary,
    SetStable,
)
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.ports import FleetLink, PackageRepository, Warehouse
from edge_contract.errors import EdgeError, MessageError, UnavailableError
from edge_contract.messages import CollectorState, FleetTopics, encode, parse_up_topic

__all__ = ["Broker", "Conductor", "Snapshot"]

_log = logging.getLogger("edgefleet.cloud")

_TICK_S: Final = 1.0
_ORDER_TIMEOUT_S: Final = 30.0
_TELL_AGAIN_S: Final = 30.0
_PRUNE_S: Final = 3600.0
_MOST_AT_ONCE: Final = 2_000
_REFUSALS_LOGGED_S: Final = 5.0  # at most one refusal is logged in so long

T = TypeVar("T")


class Broker(Protocol):
    """An embedded broker, watched and started again when it dies."""

    @property
    def pid(self) -> int | None:
        """Process id; ``None`` while it does not run."""
        ...

    def restart(self) -> None:
        """Start it again."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What pages show of the cores; replaced as a whole, so that any thread may read it."""

    twins: Mapping[str, DeviceTwin] = field(default_factory=dict)
    facts: Mapping[str, DeviceFacts] = field(default_factory=dict)
    rollouts: Mapping[str, RolloutSummary] = field(default_factory=dict)
    revision: int = 0


class Conductor:
    """Runs the cores; other threads hand it messages and orders.

    Args:
        fleet_name: Name of the fleet.
        collector: Merges telemetry.
        fleet: Knows the devices.
        rollouts: Steers versions.
        alarms: Watches for drift.
        warehouse: Where everything is kept.
        packages: The registry.
        evidence: Statistics for gates.
        link: To the broker.
        broker: The embedded broker, if it is ours.
        flush_s: Longest time between a batch and its commit.
        analysis_s: Time between two looks at new counts.
        retention_s: How long windows are kept.
    """

    def __init__(  # noqa: PLR0913  it is where everything meets
        self,
        fleet_name: str,
        *,
        collector: Collector,
        fleet: Fleet,
        rollouts: RolloutController,
        alarms: AlarmDesk,
        warehouse: Warehouse,
        packages: PackageRepository,
        evidence: EvidenceSource,
        link: FleetLink,
        broker: Broker | None,
        flush_s: float,
        analysis_s: float,
        retention_s: float,
    ) -> None:
        self._topics = FleetTopics(fleet_name)
        self.collector = collector
        self.fleet = fleet
        self.rollouts = rollouts
        self._alarms = alarms
        self._warehouse = warehouse
        self._packages = packages
        self._evidence = evidence
        self._link = link
        self._broker = broker
        self._flush_s = flush_s
        self._analysis_s = analysis_s
        self._retention_s = retention_s
        self._next_prune_s = time.monotonic() + _PRUNE_S
        self._inputs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="conductor", daemon=True)
        self._told_listening: bool | None = None
        self._leaving = False
        self._tell_again_s = 0.0
        self._finished: set[str] = set(rollouts.ids()) - set(rollouts.active())
        self._refusal_logged_s = 0.0
        self._next_analysis_s = 0.0
        self._changed = True
        self.snapshot = Snapshot()
        self.connected = threading.Event()

    # For other threads.

    def start(self) -> None:
        """Begin to work and connect to the broker."""
        self._thread.start()
        self._link.start(self)

    def stop(self) -> None:
        """Tell devices to hold back, write what was received, and end."""
        self._inputs.put(self._say_goodbye)
        self._inputs.put(None)
        if self._thread.is_alive():
            self._thread.join()
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
                done.set_result(work())
            except Exception as error:  # noqa: BLE001  whoever ordered it gets it
                done.set_exception(error)
            self._changed = True

        self._inputs.put(attempt)
        try:
            return done.result(_ORDER_TIMEOUT_S)
        except FutureTimeoutError as error:
            done.cancel()
            raise UnavailableError("the cloud is too busy for this now; try again") from error

    def on_connected(self) -> None:
        """The link is up."""
        _log.info("connected to the broker")
        self.connected.set()
        self._inputs.put(self._connected_again)

    def on_disconnected(self, reason: str) -> None:
        """The link is down."""
        _log.warning("lost the broker: %s", reason)
        self.connected.clear()

    def on_message(self, topic: str, payload: bytes) -> None:
        """A device said something."""
        self._inputs.put(lambda: self._on_message(topic, payload))

    # The conductor's thread.

    def _run(self) -> None:
        next_flush_s = next_tick_s = time.monotonic()
        while True:
            wait_s = max(min(next_flush_s, next_tick_s) - time.monotonic(), 0.0)
            if not self._work_off(wait_s):
                self._attempt(self._flush)
                return
            now_s = time.monotonic()
            if now_s >= next_flush_s or self.collector.is_full:
                next_flush_s = now_s + self._flush_s
                self._attempt(self._flush)
            if now_s >= next_tick_s:
                next_tick_s = now_s + _TICK_S
                self._attempt(self._tick)
            if self._changed:
                self._changed = False
                self._attempt(self._take_snapshot)

    def _work_off(self, wait_s: float) -> bool:
        """Do what is in the queue, but not for ever; return whether to go on."""
        for _ in range(_MOST_AT_ONCE):
            try:
                work = self._inputs.get(timeout=wait_s)
            except queue.Empty:
                return True
            if work is None:
                return False
            self._attempt(work)
            wait_s = 0.0
            if self.collector.is_full:
                return True
        return True

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except EdgeError as error:
            _log.warning("%s", error)
        except Exception:  # noqa: BLE001  one bad message must not stop the service
            _log.exception("a defect in the cloud: this step is skipped, the service goes on")

    def _on_message(self, topic: str, payload: bytes) -> None:
        now_unix_s = time.time()
        try:
            channel, device = parse_up_topic(topic)[1:]
            if channel == "e":
                self._carry_out(self.fleet.on_event(read_event(topic, payload), now_unix_s))
                self._changed = True
                return
        except MessageError as error:
            self._log_refusal(f"ignored a message on {topic!r}: {error}")
            return
        outcome = self.collector.on_telemetry(topic, payload, now_unix_s)
        if isinstance(outcome, Refusal):
            self._log_refusal(f"refused telemetry of {outcome.device!r}: {outcome.reason}")
        else:
            self._carry_out(self.fleet.on_heard(device, now_unix_s))

    def _log_refusal(self, text: str) -> None:
        now_s = time.monotonic()
        if now_s >= self._refusal_logged_s + _REFUSALS_LOGGED_S:
            self._refusal_logged_s = now_s
            _log.warning("%s", text)

    def _flush(self) -> None:
        """Write what was merged and acknowledge it; nothing is acknowledged that is not written."""
        commit = self.collector.take_commit()
        if commit is not None:
            try:
                self._warehouse.commit(commit)
            except UnavailableError:
                self.collector.failed()
                self._tell_state()
                raise
            for device, acks in self.collector.committed():
                self._link.publish(self._topics.device(device).acks, encode(acks))
            self._changed = True
        self._tell_state()

    def _tick(self) -> None:
        now_unix_s = time.time()
        if self._broker is not None and self._broker.pid is None:
            _log.warning("the broker ended; starting it again")
            self._broker.restart()
        self._carry_out(self.fleet.on_tick(now_unix_s))
        if time.monotonic() >= self._tell_again_s:  # a broker just started may lose retained ones
            self._tell_again_s = time.monotonic() + _TELL_AGAIN_S
            self._told_listening = None
            self._tell_state()
        if time.monotonic() >= self._next_analysis_s:
            self._next_analysis_s = time.monotonic() + self._analysis_s
            if self._alarms.tick(now_unix_s):
                self._changed = True
        if time.monotonic() >= self._next_prune_s:
            self._next_prune_s = time.monotonic() + _PRUNE_S
            oldest_unix_s = now_unix_s - self._retention_s
            self._warehouse.prune(
                windows_before_unix_s=oldest_unix_s, device_windows_before_unix_s=oldest_unix_s
            )
        if self.rollouts.active():
            effects = self.rollouts.tick(now_unix_s, self.fleet.facts(), self._evidence)
            self.carry_out_rollout(effects)
            self._changed = True
        self._clear_finished(now_unix_s)

    def carry_out_rollout(self, effects: Sequence[RolloutEffect]) -> None:
        """Save the rollouts as they stand, then do what they ask for."""
        now_unix_s = time.time()
        for rollout_id in dict.fromkeys([*self.rollouts.active(), *_ids(effects)]):
            summary = self.rollouts.view(rollout_id)
            self._warehouse.save_rollout(
                RolloutRecord(
                    rollout_id, summary.started_unix_s, self.rollouts.to_json(rollout_id)
                ),
                executions=summary.executions,
            )
        for effect in effects:
            match effect:
                case Assign(device=device, model=model, assignment=assignment):
                    self._carry_out(
                        self.fleet.set_assignment(
                            device, model, assignment=assignment, now_unix_s=now_unix_s
                        )
                    )
                case SetStable(model=model, target=target):
                    self._packages.set_stable(model, target.version)
                    self._carry_out(self.fleet.set_stable(model, target, now_unix_s))
                case Happened(rollout_id=rollout_id, sentence=sentence):
                    _log.info("rollout %s: %s", rollout_id, sentence)

    def _clear_finished(self, now_unix_s: float) -> None:
        """Devices of a rollout that is over run the stable version like all others."""
        active = set(self.rollouts.active())
        for rollout_id in set(self.rollouts.ids()) - active - self._finished:
            model = self.rollouts.view(rollout_id).model
            if not any(self.rollouts.view(other).model == model for other in active):
                for twin in self.fleet.twins():
                    if model in twin.assignments:
                        self._carry_out(
                            self.fleet.set_assignment(
                                twin.name, model, assignment=None, now_unix_s=now_unix_s
                            )
                        )
            self._finished.add(rollout_id)

    def carry_out(self, effects: Iterable[FleetEffect]) -> None:
        """Do what the fleet asks for; only in work that was ordered."""
        self._carry_out(effects)

    def _carry_out(self, effects: Iterable[FleetEffect]) -> None:
        """Save first, then send."""
        effects = list(effects)
        twins = {e.twin.name: e.twin for e in effects if isinstance(e, SaveDevice)}
        commands = [e.record for e in effects if isinstance(e, SaveCommand)]
        results = [(e.result, e.at_unix_s) for e in effects if isinstance(e, SaveResult)]
        if twins or commands or results:
            self._warehouse.save_fleet(twins=twins.values(), commands=commands, results=results)
            self._changed = True
        for effect in effects:
            match effect:
                case PublishDesired(device, state):
                    topic = self._topics.device(device).desired
                    self._link.publish(topic, encode(state), retain=True)
                case SendCommand(device, command):
                    self._link.publish(self._topics.device(device).commands, encode(command))
                case SaveDevice() | SaveCommand() | SaveResult():
                    pass  # saved above, together

    def _connected_again(self) -> None:
        self._told_listening = None
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
        self.snapshot = Snapshot(
            twins={twin.name: twin for twin in self.fleet.twins()},
            facts=dict(self.fleet.facts()),
            rollouts={i: self.rollouts.view(i) for i in self.rollouts.ids()},
            revision=self.snapshot.revision + 1,
        )


def _ids(effects: Iterable[RolloutEffect]) -> list[str]:
    return [effect.rollout_id for effect in effects]
