import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.adapters.child_process import ChildProcess
from cloud_sync.adapters.nats_broker import BrokerConfig, EmbeddedBroker, find_nats_server
from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from edge_contract.errors import UnavailableError, UsageError
from tests.support.links import Listener, wait_until

ROOT = Path(__file__).parents[3]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(BrokerConfig(data_folder=tmp_path, mqtt_port=0))
    yield broker
    broker.stop()


def connect(broker: EmbeddedBroker, *subscriptions: str) -> tuple[PahoFleetLink, Listener]:
    options = FleetLinkOptions(
        url=broker.mqtt_url,
        client_id="cloud",
        will_topic="ef1/f/s",
        will_payload=b"gone",
        subscriptions=subscriptions,
    )
    link, listener = PahoFleetLink(options), Listener()
    link.start(listener)
    listener.wait_for("connected")
    return link, listener


def is_running(pid: int) -> bool:
    """Whether the process lives; one that is dead and not yet collected does not."""
    try:
        return b"nats-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return False


def retained(broker: EmbeddedBroker, sentinel: str) -> list[tuple[str, ...]]:
    """What a newcomer hears of ``ef1/f/d/#``; ``sentinel`` is a topic that is not retained."""
    link, listener = connect(broker, "ef1/f/d/#", sentinel)
    wait_until(lambda: link.publish(sentinel, b""))
    listener.wait_for("message", sentinel)
    link.close()
    return sorted(listener.messages)[:-1]


def test_retained_messages_outlive_a_broker_that_is_killed(broker: EmbeddedBroker) -> None:
    broker.start()
    link, listener = connect(broker, "ef1/f/d/#")
    for number in range(20):
        assert link.publish(f"ef1/f/d/cam-{number}", b"generation 4", retain=True)
    listener.wait_for("message", times=20)
    link.close()

    broker.kill()
    assert broker.pid is None
    broker.restart()

    # For some milliseconds after its start the broker answers before it has loaded them all.
    expected = sorted((f"ef1/f/d/cam-{number}", "generation 4") for number in range(20))
    wait_until(lambda: retained(broker, "ef1/f/sentinel") == expected)


def test_a_restarted_broker_keeps_its_chosen_port(broker: EmbeddedBroker) -> None:
    broker.start()
    url = broker.mqtt_url

    broker.restart()

    assert broker.mqtt_url == url
    connect(broker)[0].close()


def test_every_listener_that_was_asked_for_answers(tmp_path: Path) -> None:
    config = BrokerConfig(data_folder=tmp_path, mqtt_port=0, websocket_port=0, monitor_port=0)
    broker = EmbeddedBroker(config)
    broker.start()
    try:
        urls = (broker.mqtt_url, broker.websocket_url, broker.monitor_url)
        ports = [int(str(url).rsplit(":", 1)[1].partition("/")[0]) for url in urls]
        for port in ports:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    finally:
        broker.stop()

    assert len(set(ports)) == 3


def test_without_being_asked_only_devices_are_served(broker: EmbeddedBroker) -> None:
    broker.start()
    assert (broker.websocket_url, broker.monitor_url) == (None, None)


def test_a_stopped_broker_leaves_nothing_running(broker: EmbeddedBroker) -> None:
    broker.start()
    pid = broker.pid
    assert pid is not None

    broker.stop()
    broker.stop()

    assert broker.pid is None
    assert not is_running(pid)


def test_a_broker_that_stands_still_is_ended_all_the_same(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_sync.adapters.child_process._PATIENCE_S", 0.2)
    broker.start()
    pid = broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)

    broker.stop()

    assert not is_running(pid)


def test_a_folder_with_spaces_and_quotes_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / 'my "own" data, größer'
    broker = EmbeddedBroker(BrokerConfig(data_folder=folder, mqtt_port=0))
    broker.start()
    broker.stop()
    assert (folder / "broker" / "nats.log").stat().st_size > 0


def test_a_taken_port_is_named_together_with_the_option_that_changes_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        broker = EmbeddedBroker(BrokerConfig(data_folder=tmp_path, mqtt_port=port))
        with pytest.raises(
            UnavailableError, match=rf"port {port} on 127.0.0.1 is taken .* --mqtt-port"
        ):
            broker.start()

    broker.start()  # the port is free again, and so is the folder
    broker.stop()


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    broker = EmbeddedBroker(BrokerConfig(data_folder=tmp_path, host="192.0.2.1", mqtt_port=1883))
    with pytest.raises(UsageError, match=r"cannot listen on '192.0.2.1': .*this machine"):
        broker.start()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    broker = EmbeddedBroker(BrokerConfig(data_folder=tmp_path / "file", mqtt_port=0))
    with pytest.raises(UnavailableError, match=r"cannot use the broker folder '.*/file/broker'"):
        broker.start()


def test_a_missing_binary_is_named(tmp_path: Path) -> None:
    config = BrokerConfig(data_folder=tmp_path, mqtt_port=0, binary="/missing/nats-server")
    with pytest.raises(UsageError, match="no nats-server at '/missing/nats-server'"):
        EmbeddedBroker(config).start()


def test_a_binary_that_is_no_broker_is_found_out_at_once(tmp_path: Path) -> None:
    echo = shutil.which("echo")
    broker = EmbeddedBroker(BrokerConfig(data_folder=tmp_path, mqtt_port=0, binary=echo))
    with pytest.raises(UnavailableError, match=r"the broker ended with exit code 0: --config .*"):
        broker.start()


def test_two_services_cannot_share_a_folder(broker: EmbeddedBroker, tmp_path: Path) -> None:
    broker.start()
    second = EmbeddedBroker(BrokerConfig(data_folder=tmp_path, mqtt_port=0))
    with pytest.raises(UsageError, match="is in use by another process"):
        second.start()
    connect(broker)[0].close()


def test_a_broker_is_started_once(broker: EmbeddedBroker) -> None:
    broker.start()
    with pytest.raises(UsageError, match="stop it first"):
        broker.start()


OWNER = """
import sys, threading, time
from pathlib import Path
from cloud_sync.adapters.nats_broker import BrokerConfig, EmbeddedBroker
broker = EmbeddedBroker(BrokerConfig(data_folder=Path(sys.argv[1]), mqtt_port=0))
starter = threading.Thread(target=broker.start)  # the kernel watches threads, not processes
starter.start()
starter.join()
time.sleep(0.2)
print(broker.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_killed_owner_takes_its_broker_along(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert is_running(pid)

        owner.kill()

    wait_until(lambda: not is_running(pid))


def test_an_orphan_on_the_same_folder_is_ended_at_the_next_start(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    broker.start()
    broker.stop()
    folder = tmp_path / "broker"
    orphan = ChildProcess(
        [find_nats_server(), "--config", str(folder / "nats.conf")], folder, name="broker"
    )
    orphan.start()  # without a claim: its owner is as good as dead
    pid = orphan.pid
    assert pid is not None
    wait_until(lambda: is_running(pid))  # until then it is still on its way to being a broker

    broker.start()

    assert not is_running(pid)
    connect(broker)[0].close()
    orphan.stop()


def test_a_stranger_with_the_pid_of_an_old_broker_is_left_alone(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    (tmp_path / "broker").mkdir()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (tmp_path / "broker" / "pid").write_text(f"{stranger.pid}\n")

        broker.start()

        assert stranger.poll() is None
        stranger.communicate(b"\n")


def test_a_broker_that_could_not_store_wants_a_restart_as_soon_as_there_is_room(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.start()
    assert not broker.needs_restart()
    with (tmp_path / "broker" / "nats.log").open("a") as log:
        log.write("[7] [ERR] JetStream failed to store a msg on stream '$G > $MQTT_msgs': write\n")

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=0))
    while_full = broker.needs_restart()
    monkeypatch.undo()
    with_room = broker.needs_restart()
    broker.restart()

    assert (while_full, with_room, broker.needs_restart()) == (False, True, False)
