"""Every link keeps the promises of ``edge_agent.ports.Link`` (and of its twin in the cloud)."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from edge_agent.adapters.paho_link import PahoLink
from edge_agent.ports import LinkOptions
from edge_contract.errors import UsageError
from tests.support.brokers import (
    BROKERS,
    Broker,
    MosquittoBroker,
    freeze,
    make_broker,
    thaw,
)
from tests.support.links import LINKS, Links, Listener, wait_until


@pytest.fixture(params=LINKS)
def links(request: pytest.FixtureRequest) -> Iterator[Links]:
    links = Links(request.param)
    yield links
    for link in links.made:
        link.close()


@pytest.fixture(scope="module", params=BROKERS)
def shared_broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Broker]:
    broker = make_broker(request.param, tmp_path_factory.mktemp(request.param))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def broker(shared_broker: Broker) -> Iterator[Broker]:
    yield shared_broker
    if shared_broker.pid is None:
        shared_broker.restart()
    thaw(shared_broker)


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as taken:  # bound and not listening: nobody else gets it
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_what_is_published_after_on_connected_is_heard(broker: Broker, links: Links) -> None:
    _, listener = links.connect(broker.url, "ef1/f/d/cam-7")
    sender, _ = links.connect(broker.url)

    assert sender.publish("ef1/f/d/cam-7", b"first")

    listener.wait_for("message")
    assert listener.messages == [("ef1/f/d/cam-7", "first")]


def test_messages_keep_their_order(broker: Broker, links: Links) -> None:
    _, listener = links.connect(broker.url, "ef1/f/order")
    sender, _ = links.connect(broker.url)

    for number in range(90):
        assert sender.publish("ef1/f/order", str(number).encode())

    listener.wait_for("message", "ef1/f/order", "89")
    assert [text for _, text in listener.messages] == [str(number) for number in range(90)]


def test_wildcards_hear_every_device(broker: Broker, links: Links) -> None:
    _, listener = links.connect(broker.url, "ef1/wild/t/#", "ef1/wild/e/#")
    sender, _ = links.connect(broker.url)

    sender.publish("ef1/wild/t/3/cam-7", b"batch")
    sender.publish("ef1/wild/e/3/cam-7", b"birth")
    sender.publish("ef1/wild/d/cam-7", b"desired")
    sender.publish("ef1/wild/t/63/cam_8", b"last")

    listener.wait_for("message", times=3)  # each filter keeps its own order
    assert sorted(listener.messages) == [
        ("ef1/wild/e/3/cam-7", "birth"),
        ("ef1/wild/t/3/cam-7", "batch"),
        ("ef1/wild/t/63/cam_8", "last"),
    ]


def test_the_largest_message_of_the_contract_arrives(broker: Broker, links: Links) -> None:
    _, listener = links.connect(broker.url, "ef1/f/large")
    sender, _ = links.connect(broker.url)

    assert sender.publish("ef1/f/large", b"x" * 65_536)

    listener.wait_for("message", "ef1/f/large", "x" * 65_536)


def test_mqtt_inside_websocket_carries_messages_too(broker: Broker, links: Links) -> None:
    _, listener = links.connect(broker.websocket_url, "ef1/f/web")
    sender, _ = links.connect(broker.websocket_url)

    assert sender.publish("ef1/f/web", b"x" * 30_000)

    listener.wait_for("message", "ef1/f/web", "x" * 30_000)


def test_a_handler_may_publish(broker: Broker, links: Links) -> None:
    class Greeter(Listener):
        def on_connected(self) -> None:
            assert link.publish("ef1/f/greeting", b"hello")
            super().on_connected()

    link, greeter = links.make(broker.url, "ef1/f/greeting"), Greeter()

    link.start(greeter)

    greeter.wait_for("message", "ef1/f/greeting", "hello")


def test_a_retained_message_is_heard_after_each_connect(broker: Broker, links: Links) -> None:
    sender, sent = links.connect(broker.url, "ef1/retained/d/cam-7")
    sender.publish("ef1/retained/d/cam-7", b"generation 4", retain=True)
    sent.wait_for("message")

    first, heard_first = links.connect(broker.url, "ef1/retained/d/cam-7", client_id="cam-7")
    heard_first.wait_for("message")
    first.close()
    _, heard_second = links.connect(broker.url, "ef1/retained/d/cam-7", client_id="cam-7")
    heard_second.wait_for("message")

    # At least once: nobody promises that it comes only once.
    assert {*heard_first.messages} == {("ef1/retained/d/cam-7", "generation 4")}
    assert {*heard_second.messages} == {("ef1/retained/d/cam-7", "generation 4")}
    assert heard_second.told[0] == ("connected",)


def test_an_empty_retained_message_makes_the_broker_forget(broker: Broker, links: Links) -> None:
    sender, sent = links.connect(broker.url, "ef1/forget/#")
    sender.publish("ef1/forget/d/cam-7", b"generation 4", retain=True)
    sent.wait_for("message", "ef1/forget/d/cam-7", "generation 4")
    sender.publish("ef1/forget/d/cam-7", b"", retain=True)
    sent.wait_for("message", "ef1/forget/d/cam-7", "")

    _, listener = links.connect(broker.url, "ef1/forget/#")
    sender.publish("ef1/forget/end", b"")
    listener.wait_for("message", "ef1/forget/end")

    assert listener.messages == [("ef1/forget/end", "")]


DYING_PROGRAM = """
import sys, time
from tests.support.links import Links, Listener
link, listener = Links(sys.argv[1]).make(sys.argv[2], will=("ef1/f/e/9/dying", b"gone")), Listener()
link.start(listener)
listener.wait_for("connected")
print("connected", flush=True)
time.sleep(60)
"""


def test_the_will_is_published_when_the_process_is_killed(broker: Broker, links: Links) -> None:
    _, listener = links.connect(broker.url, "ef1/f/e/9/dying")
    with subprocess.Popen(
        [sys.executable, "-c", DYING_PROGRAM, links.kind, broker.url],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"connected\n"

        process.send_signal(signal.SIGKILL)

    listener.wait_for("message", "ef1/f/e/9/dying", "gone")


def test_a_closed_link_says_its_farewell_and_leaves_no_will(broker: Broker, links: Links) -> None:
    sender, listener = links.connect(broker.url, "ef1/f/e/8/#")
    leaving, left = links.make(broker.url, will=("ef1/f/e/8/leaving", b"will")), Listener()
    leaving.start(left)
    left.wait_for("connected")

    leaving.close(farewell=("ef1/f/e/8/leaving", b"farewell"))
    leaving.close(farewell=("ef1/f/e/8/leaving", b"farewell again"))
    time.sleep(0.2)  # a will would come now
    sender.publish("ef1/f/e/8/end", b"")
    listener.wait_for("message", "ef1/f/e/8/end")

    assert listener.messages == [("ef1/f/e/8/leaving", "farewell"), ("ef1/f/e/8/end", "")]
    assert left.told == [("connected",)]
    assert not leaving.publish("ef1/f/e/8/leaving", b"too late")


def test_a_link_survives_a_broker_that_is_killed(broker: Broker, links: Links) -> None:
    sender, listener = links.connect(broker.url, "ef1/f/d/cam-9")

    broker.kill9()
    listener.wait_for("disconnected")
    assert not sender.publish("ef1/f/d/cam-9", b"while down")
    broker.restart()
    listener.wait_for("connected", times=2)
    assert sender.publish("ef1/f/d/cam-9", b"after")

    listener.wait_for("message")
    assert listener.messages == [("ef1/f/d/cam-9", "after")]
    assert listener.reasons[0] == "connection lost"


def test_what_was_on_its_way_when_the_broker_died_is_not_sent_again(
    broker: Broker, links: Links
) -> None:
    sender, listener = links.connect(broker.url, "ef1/f/t/1/cam-10")

    freeze(broker)
    assert sender.publish("ef1/f/t/1/cam-10", b"never confirmed")
    broker.kill9()
    broker.restart()
    listener.wait_for("connected", times=2)
    assert sender.publish("ef1/f/t/1/cam-10", b"after")

    listener.wait_for("message")
    time.sleep(0.1)
    assert listener.messages == [("ef1/f/t/1/cam-10", "after")]


def test_a_broker_that_stands_still_never_blocks_a_publish(broker: Broker, links: Links) -> None:
    sender, listener = links.connect(broker.url, "ef1/f/still/end")
    batch = b"x" * 60_000

    freeze(broker)
    began_s = time.monotonic()
    taken = sum(sender.publish("ef1/f/still", batch) for _ in range(2000))
    took_s = time.monotonic() - began_s
    thaw(broker)

    assert taken == {"device": 100, "cloud": 2000}[links.kind]
    assert took_s < 1.0
    wait_until(lambda: sender.publish("ef1/f/still/end", b"flowing again"))
    listener.wait_for("message", "ef1/f/still/end", "flowing again")


def test_a_refusal_is_told_once_and_in_words(tmp_path: Path, links: Links) -> None:
    broker = MosquittoBroker(tmp_path, anonymous=False)
    broker.start()
    try:
        link, listener = links.make(broker.url), Listener()
        link.start(listener)
        listener.wait_for("disconnected")
        time.sleep(0.3)
    finally:
        broker.stop()

    assert listener.reasons[0] == "broker refused: not authorized"
    assert listener.reasons.count("broker refused: not authorized") == 1


def test_a_broker_that_is_away_is_told_once(unused_port: int, links: Links) -> None:
    link, listener = links.make(f"mqtt://127.0.0.1:{unused_port}"), Listener()

    link.start(listener)
    listener.wait_for("disconnected")
    time.sleep(0.3)

    assert len(listener.told) == 1
    assert listener.reasons[0].startswith(f"cannot reach mqtt://127.0.0.1:{unused_port}: ")
    assert not link.publish("ef1/f/t/1/cam-7", b"batch")


# paho leaves the socket of a failed handshake to the garbage collector, which closes it at once
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("scheme", ["mqtt", "ws", "mqtts"])
def test_a_host_that_does_not_answer_is_given_up_and_tried_again(links: Links, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        link, listener = links.make(f"{scheme}://127.0.0.1:{port}", handshake_s=0.2), Listener()
        link.start(listener)
        silent.settimeout(5.0)
        first, _ = silent.accept()
        with first:
            second, _ = silent.accept()
            with second:
                link.close()

    assert len(listener.reasons) == 1


def test_a_server_that_is_no_broker_is_told_and_tried_again(links: Links) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web_server:
        url = f"mqtt://127.0.0.1:{web_server.getsockname()[1]}"
        link, listener = links.make(url), Listener()
        link.start(listener)
        web_server.settimeout(5.0)
        for _ in range(2):
            connection, _ = web_server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        link.close()

    assert len(listener.reasons) >= 1


def test_of_two_links_with_one_client_id_the_younger_stays(broker: Broker, links: Links) -> None:
    elder, heard = links.connect(broker.url, client_id="twin")
    links.connect(broker.url, client_id="twin")

    heard.wait_for("disconnected", "connection lost")
    elder.close()


def test_a_handler_that_fails_is_told_and_does_not_end_the_link(
    broker: Broker, links: Links
) -> None:
    class Clumsy(Listener):
        def on_message(self, topic: str, payload: bytes) -> None:
            super().on_message(topic, payload)
            if payload == b"poison":
                raise ValueError("cannot digest it")

    link, clumsy = links.make(broker.url, "ef1/f/clumsy"), Clumsy()
    link.start(clumsy)
    clumsy.wait_for("connected")
    sender, _ = links.connect(broker.url)

    sender.publish("ef1/f/clumsy", b"poison")
    clumsy.wait_for("disconnected", "connection failed: ValueError('cannot digest it')")
    clumsy.wait_for("connected", times=2)
    sender.publish("ef1/f/clumsy", b"food")

    clumsy.wait_for("message", "ef1/f/clumsy", "food")


def test_a_link_that_never_connected_closes_at_once(unused_port: int, links: Links) -> None:
    link = links.make(f"mqtt://127.0.0.1:{unused_port}")
    link.start(Listener())

    began_s = time.monotonic()
    link.close(farewell=("ef1/f/e/1/cam-7", b"farewell"))

    assert time.monotonic() - began_s < 0.5


def test_a_link_is_started_once(unused_port: int, links: Links) -> None:
    link = links.make(f"mqtt://127.0.0.1:{unused_port}")
    link.start(Listener())

    with pytest.raises(UsageError, match="started once"):
        link.start(Listener())


def test_a_handler_cannot_close_its_own_link(broker: Broker, links: Links) -> None:
    class Hasty(Listener):
        def on_connected(self) -> None:
            with pytest.raises(UsageError, match="closed by its own handler"):
                link.close()
            super().on_connected()

    link, hasty = links.make(broker.url), Hasty()

    link.start(hasty)

    hasty.wait_for("connected")


def test_a_topic_with_a_wildcard_cannot_be_published_to(broker: Broker, links: Links) -> None:
    link, _ = links.connect(broker.url)
    with pytest.raises(UsageError, match=r"cannot publish to topic 'ef1/f/#'"):
        link.publish("ef1/f/#", b"")


def test_a_wrong_address_is_refused_at_once(links: Links) -> None:
    with pytest.raises(UsageError, match="has no scheme"):
        links.make("localhost:1883")


@pytest.mark.parametrize("options_type", [LinkOptions, FleetLinkOptions])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"client_id": ""}, "needs a client id"),
        ({"password": "secret"}, "password was given without a username"),
        ({"ca_file": "ca.crt"}, "not encrypted: use mqtts:// or wss://"),
        ({"url": "mqtts://localhost", "ca_file": "/missing.crt"}, "cannot use the TLS files /miss"),
    ],
)
def test_options_that_cannot_work_are_refused_at_once(
    options_type: type[LinkOptions] | type[FleetLinkOptions], wrong: dict[str, str], message: str
) -> None:
    given = {"url": "mqtt://localhost", "client_id": "cam-7", **wrong}

    def make() -> None:
        options = options_type(
            url=given["url"],
            client_id=given["client_id"],
            password=given.get("password"),
            ca_file=given.get("ca_file"),
            will_topic="ef1/f/e/1/cam-7",
            will_payload=b"gone",
            subscriptions=(),
        )
        PahoLink(options) if isinstance(options, LinkOptions) else PahoFleetLink(options)

    with pytest.raises(UsageError, match=message):
        make()


@pytest.mark.parametrize("options_type", [LinkOptions, FleetLinkOptions])
def test_a_password_is_not_shown(options_type: type[LinkOptions] | type[FleetLinkOptions]) -> None:
    options = options_type(
        url="mqtt://localhost",
        client_id="cam-7",
        username="cam-7",
        password="hunter2",
        will_topic="ef1/f/e/1/cam-7",
        will_payload=b"gone",
        subscriptions=(),
    )
    assert "hunter2" not in repr(options)
