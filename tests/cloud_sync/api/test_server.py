"""The server on a real port: starting, stopping, streaming, and bodies of any length."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from cloud_sync.api.server import ApiServer
from cloud_sync.api.settings import ApiSettings
from cloud_sync.backend import CloudBackend
from cloud_sync.core.access import Role
from edge_contract.errors import UnavailableError, UsageError
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import device


def test_a_free_port_is_taken_and_told(backend: CloudBackend) -> None:
    with ApiServer(backend, port=0) as server:
        answer = httpx.get(f"{server.url}/api/v1/health")

    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert answer.json() == {"status": "ok", "revision": 1}


def test_a_taken_port_is_a_clear_error(backend: CloudBackend) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(UnavailableError, match=f"port {port} on '127.0.0.1' is taken"):
            ApiServer(backend, port=port)


def test_an_address_of_another_machine_is_a_clear_error(backend: CloudBackend) -> None:
    settings = ApiSettings(open_to_network=True)

    with pytest.raises(UsageError, match=r"cannot listen on '192\.0\.2\.1'"):
        ApiServer(backend, host="192.0.2.1", port=0, settings=settings)


def test_the_port_is_free_after_stopping(backend: CloudBackend) -> None:
    server = ApiServer(backend, port=0)
    server.stop()

    with ApiServer(backend, port=server.port) as again:
        assert httpx.get(f"{again.url}/api/v1/health").status_code == 200


def test_beyond_loopback_a_token_is_needed(backend: CloudBackend) -> None:
    with pytest.raises(UsageError, match="set a token"):
        ApiServer(backend, host="0.0.0.0", port=0)

    with ApiServer(backend, host="0.0.0.0", port=0, settings=ApiSettings(token="t")) as server:
        assert httpx.get(f"{server.url}/api/v1/summary").status_code == 401


def test_beyond_loopback_a_token_that_was_made_before_is_enough(backend: CloudBackend) -> None:
    backend.access.create("root", role=Role.ADMIN, expires_s=None, by="test")

    with ApiServer(backend, host="0.0.0.0", port=0) as server:
        assert httpx.get(f"http://127.0.0.1:{server.port}/api/v1/summary").status_code == 401


def test_on_loopback_only_names_of_this_machine_are_answered(server: ApiServer) -> None:
    answer = httpx.get(f"{server.url}/api/v1/summary", headers={"Host": "evil.example"})

    assert answer.status_code == 421


def test_a_body_that_hides_its_length_is_cut_off_at_the_bound(backend: CloudBackend) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65_536

    settings = ApiSettings(max_package_bytes=1_000_000)
    with ApiServer(backend, port=0, settings=settings) as server:
        answer = httpx.post(
            f"{server.url}/api/v1/models",
            content=endless(),
            headers={"content-type": "application/octet-stream"},
        )

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_client_that_leaves_in_the_middle_of_a_package_does_no_harm(server: ApiServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"POST /api/v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/octet-stream\r\n\r\nhalf"
        )

    assert httpx.get(f"{server.url}/api/v1/models").json()["items"] == []


def events(lines: Iterator[str]) -> Iterator[int]:
    return (int(line.removeprefix("data: ")) for line in lines if line.startswith("data: "))


def test_an_event_comes_at_once_and_after_every_change(
    server: ApiServer, memory_cloud: MemoryCloud
) -> None:
    with httpx.stream("GET", f"{server.url}/api/v1/events", timeout=5.0) as stream:
        revisions = events(stream.iter_lines())
        first = next(revisions)
        memory_cloud.put_device(device("cam-01"))
        second = next(revisions)

    assert stream.headers["content-type"].startswith("text/event-stream")
    assert (first, second) == (1, 2)


def test_open_event_streams_do_not_keep_the_server_from_stopping(backend: CloudBackend) -> None:
    server = ApiServer(backend, port=0)
    ended = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"{server.url}/api/v1/events", timeout=5.0) as stream:
            for _ in stream.iter_lines():
                pass
        ended.set()

    listener = threading.Thread(target=listen)
    listener.start()
    wait_until_connected(server)
    before_s = time.monotonic()
    server.stop()
    listener.join(timeout=5.0)

    assert ended.is_set()
    assert time.monotonic() - before_s < 2.0


def test_a_listener_that_goes_away_is_forgotten(server: ApiServer) -> None:
    with httpx.stream("GET", f"{server.url}/api/v1/events", timeout=5.0) as stream:
        next(stream.iter_lines())
    deadline_s = time.monotonic() + 5.0

    while server.open_streams and time.monotonic() < deadline_s:
        time.sleep(0.02)

    assert server.open_streams == 0


def wait_until_connected(server: ApiServer) -> None:
    deadline_s = time.monotonic() + 5.0
    while server.open_streams == 0 and time.monotonic() < deadline_s:
        time.sleep(0.01)
