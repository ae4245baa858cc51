"""A cloud on PostgreSQL shares its work with a second collector, and leads alone."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from cloud_sync.collector_service import CollectorService, CollectorServiceConfig
from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from edge_contract.errors import UsageError
from edge_contract.messages import Acks, BatchId, FleetTopics, decode
from tests.integration.processes import eventually
from tests.support.brokers import MosquittoBroker
from tests.support.postgres import PostgresServer
from tests.support.telemetry import batch_of, counting_package, payload_of

FLEET = FleetTopics("shared")
DEVICES = [f"cam-{number}" for number in range(20)]


@dataclass
class Devices:
    """Twenty devices with one batch each, on one connection."""

    link: PahoFleetLink
    kept: set[str] = field(default_factory=lambda: set(DEVICES))

    def on_connected(self) -> None:
        pass

    def on_disconnected(self, reason: str) -> None:
        pass

    def on_message(self, topic: str, payload: bytes) -> None:
        device = topic.rpartition("/")[2]
        message = decode(payload)
        if isinstance(message, Acks) and message.boots[0].covers(BatchId(device, 1, 0)):
            self.kept.discard(device)

    def send(self) -> bool:
        for device in sorted(self.kept):
            batch = batch_of(0, device=device)
            self.link.publish(FLEET.device(device).telemetry, payload_of(batch))
        time.sleep(0.3)
        return not self.kept


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[MosquittoBroker]:
    broker = MosquittoBroker(tmp_path / "mosquitto")
    broker.start()
    yield broker
    broker.stop()


def test_a_cloud_and_a_second_collector_merge_a_fleet_together(
    tmp_path: Path, broker: MosquittoBroker, postgres: PostgresServer
) -> None:
    store = postgres.new_warehouse()
    config = CloudConfig(
        data=tmp_path, fleet="shared", http_port=0, broker=broker.url, store=store,
        open_enrolment=True,
    )  # fmt: skip
    helper = CollectorServiceConfig(
        data=tmp_path, fleet="shared", broker=broker.url, store=store, name="two",
        open_enrolment=True, lease_s=1.0,
    )  # fmt: skip
    with ExitStack() as stack:
        cloud = stack.enter_context(CloudService(config))
        assert cloud._packages is not None
        cloud._packages.put(counting_package(), at_unix_s=1.0)
        stack.enter_context(CollectorService(helper))
        link = PahoFleetLink(
            FleetLinkOptions(url=broker.url, client_id="devices", subscriptions=("ef1/shared/a/+",))
        )
        devices = Devices(link)
        stack.callback(link.close)
        link.start(devices)

        eventually("all batches are acknowledged", devices.send)

        assert cloud.warehouse.totals().tally.batches == len(DEVICES)
        assert sorted(cloud.warehouse.heard_since(0.0)) == sorted(DEVICES)
        with pytest.raises(UsageError, match="another cloud leads the fleet"):
            CloudService(
                CloudConfig(data=tmp_path / "other", http_port=0, broker=broker.url, store=store)
            ).start()


def test_a_collector_needs_a_database_that_can_be_shared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"several of them need .* --store postgresql://"):
        CollectorServiceConfig(data=tmp_path, store="", broker="mqtt://localhost", name="two")
