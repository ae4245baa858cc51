"""A whole cloud in one process: broker, collector, registry, rollouts, API and dashboard."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from cloud_sync.adapters.delta_workshop import DeltaWorkshop
from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.nats_broker import BrokerConfig, EmbeddedBroker
from cloud_sync.adapters.paho_fleet_link import PahoFleetLink
from cloud_sync.adapters.quickest import quickest_counting
from cloud_sync.adapters.river_adwin import register_if_installed
from cloud_sync.adapters.running_evidence import RunningEvidence
from cloud_sync.adapters.sql.warehouse import SqlWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.alarm_desk import AlarmDesk
from cloud_sync.answers import Answers
from cloud_sync.api.server import ApiServer
from cloud_sync.api.settings import ApiSettings
from cloud_sync.cell_desk import CellDesk
from cloud_sync.conductor import Conductor
from cloud_sync.config import CloudConfig
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.fleet import Fleet, FleetConfig
from cloud_sync.core.rollout import RolloutController
from cloud_sync.core.segment_index import SegmentIndex
from cloud_sync.core.volume_cap import VolumeCap
from cloud_sync.core.wishes import FleetWishes
from cloud_sync.labelling import Labelling
from cloud_sync.membership import Membership, service_options
from cloud_sync.offer_desk import OfferDesk
from cloud_sync.policy_desk import PolicyDesk
from cloud_sync.policy_world import POLICIES, CloudPolicyWorld
from cloud_sync.ports import FleetLink, PackageRepository
from cloud_sync.sealed_link import SealedLink
from cloud_sync.stores import identity_of, open_store
from cloud_sync.targets import targeting
from cloud_sync.trust.online import OnlineRoles
from cloud_sync.trust_desk import TrustDesk
from edge_contract.errors import UnavailableError
from edge_contract.messages import CollectorState, FleetTopics, Target, encode

__all__ = ["CloudService"]

_log = logging.getLogger("edgefleet.cloud")


class CloudService:
    """Everything that ``edgefleet cloud run`` runs. Starts in :meth:`start`, ends in :meth:`stop`.

    Args:
        config: See :class:`CloudConfig`.
    """

    def __init__(self, config: CloudConfig) -> None:
        self.config = config
        self.broker: EmbeddedBroker | None = None
        self._cap = VolumeCap(config.window_s)
        self._membership: Membership | None = None
        self._warehouse: SqlWarehouse | None = None
        self._packages: FolderRegistry | None = None
        self._online: OnlineRoles | None = None
        self._deltas: DeltaWorkshop | None = None
        self._conductor: Conductor | None = None
        self._policies: PolicyDesk | None = None
        self._server: ApiServer | None = None

    @property
    def url(self) -> str:
        """Where API and dashboard are."""
        return "" if self._server is None else self._server.url

    @property
    def broker_url(self) -> str:
        """Where devices on this machine connect."""
        if self.broker is not None:
            return self.broker.mqtt_url
        return self.config.broker or ""

    @property
    def warehouse(self) -> SqlWarehouse:
        """What has been merged; raises ``UnavailableError`` while the service does not run."""
        if self._warehouse is None:
            raise UnavailableError("the cloud is not running: start it first")
        return self._warehouse

    def start(self) -> None:
        """Start all parts; on return devices can connect and the API answers.

        Raises:
            UsageError: A setting is wrong, or another process uses the data folder.
            UnavailableError: A port is taken, the folder cannot be written, or the embedded broker
                does not start. A broker of your own may come later.
        """
        looks_for_changes = register_if_installed()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        if looks_for_changes:
            _log.info("river is installed: changes of error rates are looked for with ADWIN, too")

    def stop(self) -> None:
        """End all parts in good order, the broker last. Idempotent."""
        if self._policies is not None:
            self._policies.stop()
            self._policies = None
        if self._server is not None:
            self._server.stop()
            self._server = None
        if self._conductor is not None:
            self._conductor.stop()
            self._conductor = None
        if self._membership is not None:
            self._membership.close()
            self._membership = None
        if self._warehouse is not None:
            self._warehouse.close()
            self._warehouse = None
        if self._deltas is not None:
            self._deltas.close()
            self._deltas = None
        if self._packages is not None:
            self._packages.close()
            self._packages = None
        if self.broker is not None:
            self.broker.stop()
            self.broker = None

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

    def _start(self) -> None:
        config = self.config
        try:
            config.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(
                f"cannot make data folder {str(config.data)!r}: {error.strerror}; "
                "choose another one with --data"
            ) from error
        if config.keys is not None:
            password = config.keys_password.encode() or None
            self._online = OnlineRoles(config.keys, password=password)
            self._online.publish(now=datetime.now(UTC))  # keys may have been replaced
        warehouse = self._warehouse = open_store(config.store, config.data)
        warehouse.lead()
        membership = Membership(config, warehouse, root=self._trusted_root)
        self._membership = membership
        membership.serve()
        packages = self._packages = FolderRegistry(config.data)
        if config.max_delta_bytes:
            self._deltas = DeltaWorkshop(
                config.data / "deltas", packages.blob_path, max_bytes=config.max_delta_bytes
            )
        if config.broker is None:
            self.broker = EmbeddedBroker(
                BrokerConfig(
                    data_folder=config.data,
                    host=config.host,
                    mqtt_port=config.mqtt_port,
                    websocket_port=config.websocket_port,
                    binary=config.broker_binary,
                    tls=config.tls,
                    service_username=config.broker_username or "cloud",
                    service_password=config.broker_password or "",
                ),
                admission=membership.doorkeeper,
            )
            self.broker.start()
        evidence = WarehouseEvidence(packages, warehouse)
        segments = SegmentIndex(
            config.segment_rules, [twin.facts() for twin in warehouse.devices()]
        )
        alarms = AlarmDesk(
            warehouse,
            packages,
            evidence if config.min_cohort == 1 else None,
            per_month=config.false_alarms_per_month,
            grouping_s=10.0 * max(config.window_s, config.device_window_s),
            members=segments.devices_of,
            left_out=self._cap.left_out,
        )
        alarms.restore(time.time())
        labelling = Labelling(config, warehouse, packages, segments=segments.of)
        conductor = self._make_conductor(
            warehouse, packages, evidence, alarms, segments, membership.is_apart, labelling
        )
        self._conductor = conductor
        answers = Answers(
            config,
            conductor=conductor,
            alarms=alarms,
            warehouse=warehouse,
            packages=packages,
            offers=OfferDesk(packages, self._deltas),
            evidence=evidence,
            enrolment=membership.desk(self.broker),
            labelling=labelling,
            cell=CellDesk(
                warehouse, packages.find, fleet=config.fleet, min_cohort=config.min_cohort
            ),
        )
        self._server = ApiServer(
            answers,
            host=config.host,
            port=config.http_port,
            settings=ApiSettings(
                token=config.token,
                open_to_network=config.open_to_network,
                tls=config.tls,
                trust=None if self._online is None else TrustDesk(self._online),
                page=config.page,
            ),
        )
        self._policies = PolicyDesk(
            config.data / POLICIES, CloudPolicyWorld(answers, warehouse, packages)
        )
        self._policies.start()
        here = "https://" if config.tls else ""  # on the host by which devices know the broker
        packages_url = config.packages_url or f"{here}:{self._server.port}/api/v1/blobs"
        labelling.serve_at(packages_url)
        now_unix_s = time.time()
        wishes = FleetWishes(_stable_targets(packages), packages_url, config.interval_s)
        conductor.start(lambda: conductor.carry_out(conductor.fleet.set_wishes(wishes, now_unix_s)))

    def _make_conductor(
        self,
        warehouse: SqlWarehouse,
        packages: FolderRegistry,
        evidence: WarehouseEvidence,
        alarms: AlarmDesk,
        segments: SegmentIndex,
        is_apart: Callable[[str], bool],
        labelling: Labelling,
    ) -> Conductor:
        config = self.config
        now_unix_s = time.time()
        fleet = Fleet(
            FleetConfig(lease_s=config.lease_s),
            now_unix_s=now_unix_s,
            twins=warehouse.devices(),
            commands=warehouse.open_commands(now_unix_s),
        )
        collector = Collector(
            CollectorConfig(
                window_s=config.window_s,
                device_window_s=config.device_window_s,
                open_enrolment=config.open_enrolment,
            ),
            packages=packages.find,
            marks=warehouse.marks,
            is_known=fleet.knows,
            segments=segments.of,
            adds_noise=fleet.adds_noise,
            is_apart=is_apart,
            counting=quickest_counting(),
            cap=self._cap,
        )
        return Conductor(
            config.fleet,
            collector=collector,
            fleet=fleet,
            rollouts=RolloutController(
                (record.document for record in warehouse.rollouts()),
                targeting=targeting(warehouse.groups),
            ),
            alarms=alarms,
            segments=segments,
            warehouse=warehouse,
            packages=packages,
            evidence=RunningEvidence(
                evidence, warehouse, fine_s=86_400.0 * config.retention.fine_days
            ),
            link=self._make_link(),
            broker=self.broker,
            flush_s=config.flush_s,
            analysis_s=config.window_s,
            retention=config.retention,
            dress=labelling.tickets.dressed,
            chores=(labelling.clean,),
            identity=identity_of(config.name) if config.store else None,
        )

    def _make_link(self) -> FleetLink:
        topics = FleetTopics(self.config.fleet)
        link = PahoFleetLink(
            replace(
                service_options(self.config, self.broker),
                will_topic=topics.collector_state,
                will_payload=encode(CollectorState(listening=False)),
                # With several collectors, telemetry of our shards alone: once we know which.
                subscriptions=(topics.all_events,)
                if self.config.store
                else (topics.all_telemetry, topics.all_events),
            )
        )
        return link if self._online is None else SealedLink(link, self._online.seal)

    def _trusted_root(self) -> bytes:
        return (self._online and self._online.metadata.file("root.json")) or b""


def _stable_targets(packages: PackageRepository) -> dict[str, Target]:
    stable = {model: packages.stable(model) for model in packages.models()}
    return {model: Target(found.version, found.digest) for model, found in stable.items()}
