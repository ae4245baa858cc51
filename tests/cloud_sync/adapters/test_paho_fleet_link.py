from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from edge_contract.messages.reconnect import Reconnect
from tests.integration.processes import eventually
from tests.support.brokers import BROKERS, Broker, make_broker


@dataclass
class Ear:
    """Notes what it hears, and how often the link came up."""

    heard: list[str] = field(default_factory=list)
    connected: int = 0

    def on_connected(self) -> None:
        self.connected += 1

    def on_disconnected(self, reason: str) -> None:
        pass

    def on_message(self, topic: str, payload: bytes) -> None:
        self.heard.append(f"{topic} {payload.decode()}")


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    broker = make_broker(request.param, tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


def link_to(broker: Broker, name: str, *subscriptions: str) -> PahoFleetLink:
    options = FleetLinkOptions(url=broker.url, client_id=name, subscriptions=subscriptions)
    return PahoFleetLink(options, reconnect=Reconnect(min_s=0.05, max_s=0.2))


def test_a_link_hears_what_it_was_last_asked_to_also_after_the_broker_died(broker: Broker) -> None:
    ear, mouth = Ear(), Ear()
    with closing(link_to(broker, "ear", "t/1/+")) as link, closing(link_to(broker, "mouth")) as out:
        link.start(ear)
        out.start(mouth)
        eventually("both are connected", lambda: ear.connected and mouth.connected)

        def say(word: str) -> None:
            for topic in ("t/1/a", "t/2/a"):
                assert out.publish(topic, word.encode())

        say("one")
        eventually("the first filter holds", lambda: ear.heard == ["t/1/a one"])

        link.hear(["t/2/+"])

        def hears_two() -> bool:
            say("two")
            return "t/2/a two" in ear.heard

        eventually("the second filter holds", hears_two)
        ear.heard.clear()
        say("three")
        eventually("only the second holds", lambda: "t/2/a three" in ear.heard)
        assert not [line for line in ear.heard if line.startswith("t/1")]

        broker.kill9()
        broker.restart()
        eventually("both are back", lambda: ear.connected == 2 and mouth.connected == 2)
        ear.heard.clear()
        say("four")
        eventually("it holds after a restart", lambda: ear.heard == ["t/2/a four"])


def test_a_link_can_be_asked_before_it_is_started(broker: Broker) -> None:
    ear = Ear()
    with closing(link_to(broker, "ear")) as link:
        link.hear(["t/7/+"])
        link.start(ear)
        eventually("it is connected", lambda: ear.connected)

        assert link.publish("t/7/a", b"to itself")
        eventually("it hears", lambda: ear.heard == ["t/7/a to itself"])
