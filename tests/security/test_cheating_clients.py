"""Devices that joined, and strangers, try what they may not: at every broker, with real clients."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.adapters.child_process import ChildProcess
from cloud_sync.adapters.listening import answers_mqtt, free_port
from cloud_sync.adapters.local_authority import NoAuthority
from cloud_sync.adapters.mosquitto_files import MosquittoFiles, mosquitto_hash
from cloud_sync.adapters.nats_broker import BrokerConfig, EmbeddedBroker, find_nats_server
from cloud_sync.adapters.nats_files import NatsFiles
from cloud_sync.doorkeeper import Doorkeeper
from cloud_sync.enrolment_desk import EnrolmentDesk
from cloud_sync.enrolment_terms import Terms
from cloud_sync.roster import Roster
from edge_contract.enrolment import enrolment_statement
from edge_contract.messages import DeviceTopics, FleetTopics
from tests.security.cheats import Cheat, Login, cheating
from tests.support.links import wait_until
from tests.support.memory_office import MemoryOffice

FLEET = "plant"
MINE = FleetTopics(FLEET).device("cam-1")
OTHER = FleetTopics(FLEET).device("cam-2")


@dataclass
class Site:
    """A broker that admits whom the roster knows.

    Attributes:
        port: Where it listens.
        desk: Lets devices join.
        cloud: How the cloud itself connects.
        logins: Of the devices that joined.
    """

    port: int
    desk: EnrolmentDesk
    cloud: Login
    logins: dict[str, Login] = field(default_factory=dict)

    def joined(self, device: str) -> Login:
        """Let a device join and return how it connects."""
        made = self.desk.create_join_token(
            label="", device=device, uses=1, expires_s=60.0, by="test"
        )
        key = Ed25519PrivateKey.generate()
        token_id = made.token.token_id
        given = self.desk.enrol(
            token_id,
            made.secret,
            device=device,
            public_key=key.public_key().public_bytes_raw().hex(),
            proof=key.sign(enrolment_statement(token_id, fleet=FLEET, device=device)).hex(),
            request="",
        )
        self.logins[device] = Login(device, device, given.password)
        return self.logins[device]


class _Membership(NamedTuple):
    roster: Roster
    desk: EnrolmentDesk
    doorkeeper: Doorkeeper


def membership() -> _Membership:
    roster = Roster(MemoryOffice())
    terms = Terms(
        fleet=FLEET,
        broker=lambda: "mqtt://:1883",
        websocket=lambda: "",
        authority=NoAuthority(),
        root=lambda: b"",
        broker_hash=mosquitto_hash,
    )
    desk = EnrolmentDesk(roster, terms, note=lambda *_: None)
    return _Membership(roster, desk, Doorkeeper(roster, FLEET, is_open=False))


def process(stack: ExitStack, command: list[str], folder: Path) -> None:
    running = ChildProcess(command, folder, name=command[0])
    running.claim()
    stack.callback(running.stop)
    running.start()


@pytest.fixture(scope="module", params=["embedded", "mosquitto", "nats"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    member = membership()
    with ExitStack() as stack:
        if request.param == "embedded":
            broker = EmbeddedBroker(
                BrokerConfig(data_folder=folder, mqtt_port=0), admission=member.doorkeeper
            )
            stack.callback(broker.stop)
            broker.start()
            assert broker.service_login is not None
            found = Site(broker.mqtt_port, member.desk, Login("cloud-1", *broker.service_login))
        elif request.param == "mosquitto":
            port = free_port("127.0.0.1")
            files = MosquittoFiles(folder)
            files.write(FLEET, host="127.0.0.1", port=port)
            with files.config.open("a") as config:
                config.write("user root\n")  # started by root it would become another user
            member.roster.on_change = lambda: files.write_passwords(
                member.roster.broker_passwords()
            )
            member.roster.on_change()
            binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
            assert binary is not None, "mosquitto is not installed"
            process(stack, [binary, "-c", str(files.config)], folder)
            cloud = Login("cloud-1", "cloud", files.service_password())
            found = Site(port, member.desk, cloud)
        else:
            port, nats_port = free_port("127.0.0.1"), free_port("127.0.0.1")
            server = NatsFiles(folder)
            server.write(host="127.0.0.1", port=port, nats_port=nats_port)
            command = [find_nats_server(), "--config", str(server.config)]
            process(stack, command, folder)
            callout = server.callout(member.doorkeeper)
            callout.start()
            stack.callback(callout.close)
            assert callout.wait_ready(10.0)
            found = Site(port, member.desk, Login("cloud-1", "cloud", server.service_password()))
        wait_until(lambda: answers_mqtt("127.0.0.1", found.port), within_s=10.0)
        found.joined("cam-1")
        found.joined("cam-2")
        wait_until(lambda: _is_let_in(found, found.logins["cam-2"]))
        yield found


def _is_let_in(site: Site, login: Login) -> bool:
    with cheating(site.port, login) as client:
        return bool(client.connected)


@pytest.fixture
def cloud(site: Site) -> Iterator[Cheat]:
    """The cloud, which hears everything."""
    with cheating(site.port, site.cloud) as client:
        assert client.asks_for(f"ef1/{FLEET}/#", qos=1)
        yield client


@pytest.fixture
def thief(site: Site) -> Iterator[Cheat]:
    """Device cam-1, which joined, and is in somebody's hands."""
    with cheating(site.port, site.logins["cam-1"]) as client:
        assert client.connected
        yield client


def orders_to(topics: DeviceTopics) -> list[str]:
    return [topics.desired, topics.commands, topics.acks]


def test_a_device_is_heard_under_its_own_topics_and_under_no_other(
    site: Site, cloud: Cheat, thief: Cheat
) -> None:
    foreign = [
        OTHER.telemetry,
        OTHER.events,
        *orders_to(OTHER),
        *orders_to(MINE),
        MINE.to_all,
        MINE.collector_state,
        f"ef1/{FLEET}/t/0/cam-1/more",
        "elsewhere",
    ]
    for topic in foreign:
        if thief.lost:  # some brokers throw out who tries
            break
        thief.says(topic, b"forged", retain=True)

    with cheating(site.port, site.logins["cam-1"]) as honest:
        honest.says(MINE.telemetry, b"mine")
        honest.says(MINE.events, b"mine, too")

    assert cloud.wait(lambda: len(cloud.heard) >= 2)
    assert [it for it in cloud.heard if it[1] != b""] == [
        (MINE.telemetry, b"mine"),
        (MINE.events, b"mine, too"),
    ]


def test_nothing_that_a_device_forged_is_kept_for_another(site: Site, thief: Cheat) -> None:
    for topic in orders_to(OTHER):
        thief.says(topic, b"forged", retain=True)

    with cheating(site.port, site.logins["cam-2"]) as victim:
        for topic in OTHER.subscriptions:
            victim.asks_for(topic)
        time.sleep(0.2)

    assert victim.heard == []


def test_a_device_hears_what_is_for_it_and_nothing_else(
    site: Site, cloud: Cheat, thief: Cheat
) -> None:
    foreign = ["#", "ef1/#", f"ef1/{FLEET}/+/+", f"ef1/{FLEET}/t/#", OTHER.telemetry, "$SYS/#"]
    for topic in [*foreign, *orders_to(OTHER)]:
        thief.asks_for(topic)
    for topic in MINE.subscriptions:
        assert thief.asks_for(topic)

    with cheating(site.port, site.logins["cam-2"]) as other:
        other.says(OTHER.telemetry, b"private")
    for topic in orders_to(OTHER):
        cloud.says(topic, b"private", retain=True)
    cloud.says(MINE.acks, b"for cam-1")

    assert thief.wait(lambda: (MINE.acks, b"for cam-1") in thief.heard)
    assert all(payload != b"private" for _, payload in thief.heard)
    for topic in orders_to(OTHER):
        cloud.says(topic, b"", retain=True)


def test_a_stolen_client_id_gets_nobody_in_and_throws_nobody_out(site: Site) -> None:
    own = site.logins["cam-1"]
    with cheating(site.port, site.logins["cam-2"]) as victim:
        assert victim.asks_for(OTHER.acks)
        with (
            cheating(site.port, Login("cam-2", own.username, own.password)) as thief,
            cheating(site.port, site.cloud) as cloud,
        ):
            if thief.connected:  # under its own name, whatever it calls itself
                thief.asks_for(OTHER.acks)
            cloud.says(OTHER.acks, b"still here")
            assert victim.wait(lambda: (OTHER.acks, b"still here") in victim.heard)
        assert victim.lost == 0
        assert thief.heard == []


@pytest.mark.parametrize(
    "login",
    [
        Login("cam-1"),
        Login("cam-1", "cam-1", "guessed"),
        Login("cam-3"),
        Login("cam-3", "cam-3", "anything"),
        Login("cloud-2", "cloud", ""),
        Login("cloud-2", "cloud", "guessed"),
        Login("cloud-2", "admission", "guessed"),
        Login("", "cam-1", "guessed"),
        Login("cam.1", "cam-1", "x" * 5000),
    ],
    ids=lambda login: f"{login.client_id}-{login.username}-{login.password[:8]}",
)
def test_whoever_did_not_join_is_not_let_in(site: Site, login: Login) -> None:
    with cheating(site.port, login) as stranger:
        assert not stranger.connected


def test_a_last_will_speaks_for_its_own_device_alone(site: Site, cloud: Cheat) -> None:
    with cheating(site.port, site.logins["cam-1"], will=(OTHER.events, b"cam-2 died")) as thief:
        connection = thief.client.socket()
        if connection is not None:  # as when the network is gone
            connection.close()
        time.sleep(0.3)

    assert (OTHER.events, b"cam-2 died") not in cloud.heard


def test_a_device_that_was_put_out_is_not_let_in_again(site: Site) -> None:
    login = site.joined("cam-9")
    wait_until(lambda: _is_let_in(site, login))

    site.desk.revoke_credential("cam-9", by="anna")

    wait_until(lambda: not _is_let_in(site, login))
    wait_until(lambda: _is_let_in(site, site.joined("cam-9")))


def test_a_flood_holds_up_nobody_else(site: Site, cloud: Cheat, thief: Cheat) -> None:
    for _ in range(2_000):
        thief.client.publish(OTHER.telemetry, b"x" * 1000, qos=0)
    with cheating(site.port, site.logins["cam-2"]) as other:
        began_s = time.monotonic()
        other.says(OTHER.telemetry, b"in time")
        assert cloud.wait(lambda: (OTHER.telemetry, b"in time") in cloud.heard)

    assert time.monotonic() - began_s < 4.0
    assert all(payload == b"in time" for _, payload in cloud.heard)
