"""An agent as a service: a process of its own, with a real socket of a service manager."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from tests.support.packages import mixed

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30.0)
        yield listener


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """Takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"mqtt://127.0.0.1:{server.getsockname()[1]}"


def started(package: str, tmp_path: Path, *words: str, ear: socket.socket) -> subprocess.Popen[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "NOTIFY_SOCKET": ear.getsockname(),
        "WATCHDOG_USEC": "600000",
        "EDGEFLEET_STATE": str(tmp_path / "state"),
        "EDGEFLEET_RINGS": str(tmp_path / "rings"),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    command = [sys.executable, "-m", "edgefleet", "agent", "run", package, *words]
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )


def test_it_says_that_it_is_ready_alive_and_leaving_and_leaves_in_time(
    package: str, tmp_path: Path, ear: socket.socket, silent_broker: str
) -> None:
    words = ("--cloud", silent_broker, "--log-format", "json", "--log-file", "agent.log")
    with started(package, tmp_path, *words, ear=ear) as process:
        heard = [ear.recv(200)]
        while b"READY=1" not in heard[-1] or heard.count(b"WATCHDOG=1") < 3:
            heard.append(ear.recv(200))
            if heard.count(b"WATCHDOG=1") >= 3:
                break
        asked_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20.0) == 0
        took_s = time.monotonic() - asked_s

    assert any(word.startswith(b"READY=1\n") for word in heard)
    ear.settimeout(1.0)
    while not (last := ear.recv(200)).startswith(b"STOPPING=1"):
        assert last == b"WATCHDOG=1"
    assert took_s < 5.0
    assert json.loads((tmp_path / "state" / "status.json").read_text())["closed"] is True
    lines = [json.loads(line) for line in (tmp_path / "agent.log").read_text().splitlines()]
    assert {"at", "level", "logger", "text"} == set(lines[0])
    assert not (tmp_path / "state" / "holder.json").exists()


def test_serving_is_told_once_it_can_be_asked(
    package: str, tmp_path: Path, ear: socket.socket
) -> None:
    with started(package, tmp_path, "--serve-unix", str(tmp_path / "ask"), ear=ear) as process:
        heard = ear.recv(200)
        while heard == b"WATCHDOG=1":
            heard = ear.recv(200)
        assert heard == f"READY=1\nSTATUS=serving {tmp_path / 'ask'}".encode()
        assert (tmp_path / "ask").is_socket()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10.0) == 0


def test_an_agent_that_hangs_gives_no_sign_of_life(tmp_path: Path) -> None:
    with Agent(mixed().package, state=tmp_path / "state") as agent:
        agent.wait_ready()
        assert agent.is_responsive(timeout_s=5.0)
        hung, free = threading.Event(), threading.Event()

        def hang(_now_s: float) -> list[object]:
            hung.set()
            free.wait(20.0)
            return []

        agent._shell._loop.put(hang)  # type: ignore[arg-type]
        hung.wait(5.0)
        assert not agent.is_responsive(timeout_s=0.05)
        free.set()
        assert agent.is_responsive(timeout_s=5.0)
    assert not agent.is_responsive(timeout_s=0.05)


def test_a_served_agent_whose_broker_is_silent_leaves_in_time_too(
    package: str, tmp_path: Path, ear: socket.socket, silent_broker: str
) -> None:
    words = ("--serve-unix", str(tmp_path / "ask"), "--cloud", silent_broker)
    with started(package, tmp_path, *words, ear=ear) as process:
        while not ear.recv(200).startswith(b"READY=1"):
            pass
        asked_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20.0) == 0
        assert time.monotonic() - asked_s < 5.0


def test_a_process_that_hangs_while_it_leaves_is_gone_all_the_same(
    package: str, tmp_path: Path
) -> None:
    script = (
        "import sys, time\n"
        "from edge_agent.adapters.systemd import ServiceManager\n"
        "from edge_agent.agent import Agent\n"
        "from edgefleet.service import watched\n"
        "with Agent(sys.argv[1], state=sys.argv[2]) as agent, watched(agent, ServiceManager({})):\n"
        "    agent.wait_ready()\n"
        "    agent._shell._loop.put(lambda _now_s: time.sleep(60) or [])\n"
        "    print('leaves', flush=True)\n"
    )
    command = [sys.executable, "-c", script, package, str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "leaves\n"
        asked_s = time.monotonic()
        assert process.wait(timeout=20.0) == 1
        assert time.monotonic() - asked_s < 5.5

    with Agent(package, state=tmp_path / "state") as agent:
        assert agent.wait_ready() == "1.0.0"
