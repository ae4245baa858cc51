"""One more collector beside a cloud: merges telemetry of its shards, and nothing else."""

import logging
import math
import os
import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from cloud_sync.adapters.quickest import quickest_counting
from cloud_sync.adapters.sql.warehouse import SqlWarehouse
from cloud_sync.collector_desk import LEASE_S, CollectorDesk
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.intake import Refusal, RefusalKind
from cloud_sync.core.segment_index import SegmentIndex, SegmentRules
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.core.volume_cap import VolumeCap
from cloud_sync.exposure import require_tls
from cloud_sync.inbox import read_ahead
from cloud_sync.membership import service_login, showing
from cloud_sync.roster import Roster
from cloud_sync.stores import identity_of, open_store
from edge_contract.errors import EdgeError, UsageError
from edge_contract.messages import FleetTopics
from edge_contract.names import checked_name
from edge_contract.stats.noise import NOISE_FACT

__all__ = ["CollectorService", "CollectorServiceConfig"]

_log = logging.getLogger("edgefleet.cloud")

_REFRESH_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.5
_MOST_WAITING: Final = 20_000
_MOST_AT_ONCE: Final = 1_000
_MOST_TOGETHER: Final = 200
_REFUSALS_LOGGED_S: Final = 5.0  # at most one refusal is logged in so long
_FAILURES_LOGGED_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorServiceConfig:
    """Where a collector finds the cloud that it helps.

    Attributes:
        data: The cloud's data folder, of which the packages are read.
        store: URL of the PostgreSQL database that both use.
        broker: URL of the broker that both use.
        name: Of this collector; one that is started again takes over from itself at once.
        fleet: Name of the fleet.
        broker_username: For the broker.
        broker_password: For the broker; without a user name, what lies in ``broker_files``, or in
            ``data`` for the cloud's embedded broker.
        broker_ca: File with certificates to trust for the broker; ``None`` for the system's.
        broker_files: Folder of `edgefleet broker config`; ``None`` for none.
        plain_text: Whether a broker beyond this machine may be spoken to unencrypted.
        interval_s: Length of the devices' telemetry windows, the same as the cloud's.
        open_enrolment: Whether devices that never announced themselves are believed.
        flush_s: Longest time between a batch and its commit.
        lease_s: Silence after which others take over.
        segments: The same as the cloud's.
        min_cohort: The same as the cloud's.
    """

    data: Path
    store: str
    broker: str
    name: str
    fleet: str = "default"
    broker_username: str | None = None
    broker_password: str | None = None
    broker_ca: str | None = None
    broker_files: Path | None = None
    plain_text: bool = False
    interval_s: float = 60.0
    open_enrolment: bool = False
    flush_s: float = 0.2
    lease_s: float = LEASE_S
    segments: tuple[str, ...] | None = None
    min_cohort: int = 1

    def __post_init__(self) -> None:
        checked_name(self.fleet, "fleet")
        checked_name(self.name, "collector")
        if not self.plain_text:
            require_tls("127.0.0.1", has_tls=False, broker=self.broker)
        if not 1.0 <= self.lease_s <= 3600.0:
            raise UsageError(f"a lease lasts from 1 to 3600 seconds, got {self.lease_s:g}")
        if not self.store:
            raise UsageError(
                "a file takes one collector, the cloud's own: several of them need a PostgreSQL "
                "database, --store postgresql://..., which the cloud is started with as well"
            )


class CollectorService:
    """Runs one collector on a thread of its own, from :meth:`start` to :meth:`stop`.

    Args:
        config: See :class:`CollectorServiceConfig`.
    """

    def __init__(self, config: CollectorServiceConfig) -> None:
        self._config = config
        self._messages: queue.Queue[tuple[str, bytes]] = queue.Queue(_MOST_WAITING)
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)
        self._twins: dict[str, DeviceTwin] = {}
        self._next_refresh_s = 0.0
        self._refusal_logged_s = self._failure_logged_s = -math.inf

    def start(self) -> None:
        """Start; on return it takes part in the sharing of shards.

        Raises:
            UsageError: A setting is wrong, or the database refuses us.
            UnavailableError: The database or the packages are out of reach.
        """
        config = self._config
        self._warehouse: SqlWarehouse = open_store(config.store, config.data)
        self._packages = FolderRegistry(config.data, read_only=True)
        self._link = self._make_link()
        self._segments = SegmentIndex(
            SegmentRules(sources=config.segments, min_devices=max(config.min_cohort, 2))
        )
        roster = Roster(self._warehouse, is_only=False)
        window_s = max(round(config.interval_s), 1)
        self._collector = Collector(
            CollectorConfig(
                window_s=window_s,
                device_window_s=window_s,
                open_enrolment=config.open_enrolment,
            ),
            packages=self._packages.find,
            marks=self._warehouse.marks,
            is_known=lambda device: device in self._twins,
            segments=self._segments.of,
            adds_noise=self._adds_noise,
            is_apart=lambda device: roster.quarantine(device) is not None,
            counting=quickest_counting(),
            cap=VolumeCap(window_s),
        )
        self._desk = CollectorDesk(
            self._collector,
            topics=FleetTopics(config.fleet),
            warehouse=self._warehouse,
            link=self._link,
            identity=identity_of(config.name),
            lease_s=config.lease_s,
        )
        self._refresh()
        self._desk.tick()
        self._thread.start()
        self._link.start(self)

    def stop(self) -> None:
        """Write what was received, let others take over, and end. Idempotent."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join()
            self._link.close()
            self._warehouse.close()
            self._packages.close()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    # The link's thread.

    def on_connected(self) -> None:
        """The link is up."""
        _log.info("connected to the broker")

    def on_disconnected(self, reason: str) -> None:
        """The link is down."""
        _log.warning("lost the broker: %s", reason)

    def on_message(self, topic: str, payload: bytes) -> None:
        """A device sent telemetry; while too much waits, so does the broker."""
        while not self._leaving.is_set():
            try:
                self._messages.put((topic, payload), timeout=0.5)
            except queue.Full:
                continue
            return

    # The collector's thread.

    def _run(self) -> None:
        next_flush_s = time.monotonic()
        while not self._leaving.is_set():
            self._work_off(max(next_flush_s - time.monotonic(), 0.0))
            is_full = self._collector.is_full and not self._desk.failed
            if time.monotonic() >= next_flush_s or is_full:
                next_flush_s = time.monotonic() + self._config.flush_s
                self._attempt("flush")
            self._attempt("tick")
            self._attempt("refresh")
        self._attempt("flush")
        self._attempt("leave")

    def _work_off(self, wait_s: float) -> None:
        for _ in range(_MOST_AT_ONCE // _MOST_TOGETHER):
            messages = self._waiting(wait_s, min(_MOST_TOGETHER, max(self._collector.room, 1)))
            batches = read_ahead(self._collector, messages)
            for (topic, payload), batch in zip(messages, batches, strict=True):
                outcome = self._collector.on_telemetry(topic, payload, time.time(), decoded=batch)
                if isinstance(outcome, Refusal):
                    self._on_refusal(outcome)
            wait_s = 0.0
            if not messages or self._collector.is_full:
                return

    def _waiting(self, wait_s: float, most: int) -> list[tuple[str, bytes]]:
        """Return messages that wait, as soon as there is one."""
        messages: list[tuple[str, bytes]] = []
        while len(messages) < most:
            try:
                messages.append(self._messages.get(timeout=0.0 if messages else wait_s))
            except queue.Empty:
                break
        return messages

    def _attempt(self, what: str) -> None:
        try:
            match what:
                case "flush":
                    self._desk.flush()
                case "tick":
                    self._desk.tick()
                case "leave":
                    self._desk.leave()
                case _:
                    self._refresh()
        except EdgeError as error:
            if time.monotonic() >= self._failure_logged_s + _FAILURES_LOGGED_S:
                self._failure_logged_s = time.monotonic()
                _log.warning("%s", error)
            self._leaving.wait(0.2)  # what failed is tried again, not at once
        except Exception:  # noqa: BLE001  one bad step must not stop the service
            _log.exception("a defect in the collector: this step is skipped, the service goes on")

    def _refresh(self) -> None:
        """See which devices and packages there are now."""
        if time.monotonic() < self._next_refresh_s:
            return
        self._next_refresh_s = time.monotonic() + _REFRESH_S
        self._packages.refresh()
        for twin in self._warehouse.devices():
            if self._twins.get(twin.name) != twin:
                self._twins[twin.name] = twin
                self._segments.note(twin.facts())

    def _adds_noise(self, device: str) -> bool:
        twin = self._twins.get(device)
        return twin is not None and bool(twin.facts().facts.get(NOISE_FACT))

    def _on_refusal(self, refusal: Refusal) -> None:
        now_s = time.monotonic()
        match refusal.kind:
            case RefusalKind.ELSEWHERE:
                return
            case RefusalKind.UNKNOWN_DEVICE | RefusalKind.UNKNOWN_PACKAGE:
                self._next_refresh_s = min(self._next_refresh_s, now_s + _LOOK_AGAIN_S)
            case _:
                pass
        if now_s >= self._refusal_logged_s + _REFUSALS_LOGGED_S:
            self._refusal_logged_s = now_s
            _log.warning("refused telemetry of %r: %s", refusal.device, refusal.reason)

    def _make_link(self) -> PahoFleetLink:
        config = self._config
        username, password = config.broker_username, config.broker_password
        own = config.broker_files or config.data / "broker"
        if username is None and (own / "service-password").exists():
            username, password = service_login(own, collector=config.name)
        options = FleetLinkOptions(
            url=config.broker,
            client_id=f"collector-{config.fleet}-{config.name}-{os.getpid()}",
            username=username,
            password=password,
            ca_file=config.broker_ca,
            subscriptions=(),
        )
        return PahoFleetLink(showing(options, own))
