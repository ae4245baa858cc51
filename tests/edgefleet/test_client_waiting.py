"""Waiting for rollouts and answers, through the real API on loopback."""

import threading
import time
from dataclasses import replace

import pytest

from cloud_sync.api.server import ApiServer
from cloud_sync.backend import RolloutEventView, RolloutView
from edge_contract.errors import UnavailableError
from edgefleet.client import Cloud
from tests.support.memory_cloud import START_UNIX_S, MemoryCloud
from tests.support.tiny_package import tiny_package
from tests.support.views import device


def test_waiting_for_a_rollout_tells_each_change_and_returns_its_end(
    cloud: Cloud, backend: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefleet.waiting.POLL_S", 0.01)
    cloud.push(tiny_package())
    running = cloud.start_rollout("digits", "1.0.0")
    heard: list[RolloutView] = []

    def move_on(view: RolloutView) -> None:
        heard.append(view)
        if len(heard) == 1:
            line = RolloutEventView(START_UNIX_S, "passed at 10 %", {"n": 812})
            backend.put_rollout(replace(view, events=[*view.events, line]))
        elif len(heard) == 2:
            ended_unix_s = START_UNIX_S + 9.0
            backend.put_rollout(replace(view, state="succeeded", ended_unix_s=ended_unix_s))

    ended = cloud.wait_for_rollout(running.rollout_id, timeout_s=10.0, on_change=move_on)

    assert ended.state == "succeeded"
    assert [view.state for view in heard] == ["running", "running", "succeeded"]
    assert heard[1].events[-1].evidence == {"n": 812}


def test_waiting_for_a_rollout_gives_up_in_time(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefleet.waiting.POLL_S", 0.01)
    cloud.push(tiny_package())
    cloud.start_rollout("digits", "1.0.0")

    with pytest.raises(UnavailableError, match=r"has not ended within 0\.05 s: running"):
        cloud.wait_for_rollout(timeout_s=0.05)


def test_waiting_outlives_a_restart_of_the_cloud(
    backend: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefleet.waiting.POLL_S", 0.01)
    backend.push(tiny_package().to_archive(), by="test")
    server = ApiServer(backend, port=0)

    def restart_and_finish() -> None:
        server.stop()
        time.sleep(0.1)
        with ApiServer(backend, port=server.port):
            backend.steer_rollout("latest", "abort", by="test")
            finished.wait(timeout=10.0)

    finished = threading.Event()
    with Cloud(server.url) as cloud:
        cloud.start_rollout("digits", "1.0.0")
        other = threading.Thread(target=restart_and_finish)
        other.start()
        ended = cloud.wait_for_rollout(timeout_s=20.0)
        finished.set()
        other.join()

    assert ended.state == "aborted"


def test_waiting_for_a_command_ends_when_all_have_answered(
    cloud: Cloud, backend: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefleet.waiting.POLL_S", 0.01)
    backend.put_device(device("cam-1"))
    backend.put_device(device("cam-2"))
    sent = cloud.send("set-interval", arguments={"seconds": 5}, expires_s=20.0)
    backend.answer(sent.command_id, "cam-1", ok=True)

    answering = threading.Timer(
        0.05, backend.answer, (sent.command_id, "cam-2"), {"ok": False, "detail": "busy"}
    )
    answering.start()
    answered = cloud.wait_for_command(sent.command_id)
    answering.join()

    assert sent.arguments == {"seconds": 5}
    assert answered.results["cam-2"] == {"ok": False, "detail": "busy"}


def test_waiting_for_a_command_ends_when_it_has_expired(
    cloud: Cloud, backend: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefleet.waiting.POLL_S", 0.01)
    backend.put_device(device("cam-1"))

    sent = cloud.send("ping", expires_s=0.05)

    assert cloud.wait_for_command(sent.command_id).results == {}
