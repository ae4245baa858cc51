"""The client against the real API on loopback."""

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cloud_sync.api.server import ApiServer
from cloud_sync.api.settings import ApiSettings
from cloud_sync.backend import NotFoundError
from edge_contract.errors import EdgeError, PackageError, UnavailableError, UsageError
from edgefleet.client import Cloud
from tests.support.memory_cloud import MemoryCloud
from tests.support.tiny_package import tiny_package
from tests.support.views import alarm, device


def test_a_package_is_pushed_from_memory_and_from_a_file(cloud: Cloud, tmp_path: Path) -> None:
    package = tiny_package("digits", "1.0.0")
    path = tmp_path / package.file_name
    path.write_bytes(package.to_archive())

    from_memory = cloud.push(package)
    from_file = cloud.push(path)

    assert from_memory == from_file
    assert from_memory.digest == package.digest
    assert cloud.version("digits", "1.0.0") == from_memory
    assert [(model.name, model.versions) for model in cloud.models()] == [("digits", ("1.0.0",))]


def test_a_damaged_file_is_not_sent(cloud: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "digits.modelpkg"
    path.write_bytes(tiny_package().to_archive()[:-30])

    with pytest.raises(PackageError, match="not a readable model package"):
        cloud.push(path)

    assert cloud.models() == []


def test_a_file_that_is_not_there_is_named(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.modelpkg': No such file"):
        cloud.push(tmp_path / "nowhere.modelpkg")


def test_other_content_under_a_known_version_is_refused(cloud: Cloud) -> None:
    cloud.push(tiny_package(model=b"one"))

    with pytest.raises(UsageError, match=r"digits@1\.0\.0 exists with other content"):
        cloud.push(tiny_package(model=b"two"))


def test_devices_of_all_pages_are_returned(
    cloud: Cloud, backend: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefleet.client_fleet._PAGE", 2)
    for number in range(5):
        backend.put_device(device(f"cam-{number}"))

    found = cloud.devices()

    assert [view.name for view in found] == ["cam-0", "cam-1", "cam-2", "cam-3", "cam-4"]
    assert found[0] == device("cam-0")


def test_devices_are_chosen_by_status(cloud: Cloud, backend: MemoryCloud) -> None:
    backend.put_device(device("cam-1"))
    backend.put_device(device("cam-2", status="unreachable"))

    assert [view.name for view in cloud.devices(status="unreachable")] == ["cam-2"]
    assert cloud.summary().online == 1


def test_alarms_arrive_with_their_evidence(cloud: Cloud, backend: MemoryCloud) -> None:
    backend.raise_alarm(alarm("a1"))

    (found,) = cloud.alarms(model="digits")

    assert found.evidence == {"left": 3.5, "right": 1.25}
    assert cloud.alarms(model="faces") == []


def test_a_rollout_is_begun_and_steered(cloud: Cloud) -> None:
    cloud.push(tiny_package("digits", "1.0.0"))
    cloud.push(tiny_package("digits", "1.1.0"))

    started = cloud.start_rollout("digits", "1.1.0", steps=[0.1, 1.0], approval=True)
    states = [
        cloud.approve(started.rollout_id).state,
        cloud.pause(started.rollout_id).state,
        cloud.resume(started.rollout_id).state,
        cloud.rollback().state,
    ]

    assert started.state == "awaiting_approval"
    assert [stage.fraction for stage in started.stages] == [0.1, 1.0]
    assert states == ["running", "paused", "running", "rolled_back"]
    assert cloud.rollouts() == [cloud.rollout("latest")]
    with pytest.raises(UsageError, match="'abort' refused"):
        cloud.abort(started.rollout_id)


def test_what_is_not_there_is_not_found(cloud: Cloud) -> None:
    with pytest.raises(NotFoundError, match="no device 'cam-9' in fleet 'lab'"):
        cloud.device("cam-9")
    with pytest.raises(NotFoundError, match=r"no digits@9\.9\.9"):
        cloud.version("digits", "9.9.9")


@pytest.mark.parametrize("name", ["", "a/b", "..", ".", "../devices", "a?b", "a b"])
def test_what_is_no_name_is_not_asked_for(cloud: Cloud, name: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        cloud.device(name)


def test_an_order_that_is_no_json_is_refused_before_it_is_sent(cloud: Cloud) -> None:
    with pytest.raises(UsageError, match="is no JSON"):
        cloud.send("ping", arguments={"x": float("nan")})


def test_the_token_is_sent_and_its_lack_explained(
    backend: MemoryCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ApiServer(backend, port=0, settings=ApiSettings(token="s3cret")) as server:
        with Cloud(server.url) as stranger, pytest.raises(UsageError, match="set EDGEFLEET_TOKEN"):
            stranger.summary()
        with Cloud(server.url, token="s3cret") as friend:
            assert friend.summary().fleet == "lab"
        monkeypatch.setenv("EDGEFLEET_TOKEN", "s3cret")
        with Cloud(server.url) as friend:
            assert friend.summary().fleet == "lab"


def test_a_cloud_that_is_not_running_is_said_so() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with Cloud(url) as cloud, pytest.raises(UnavailableError) as caught:
            cloud.summary()

    assert str(caught.value) == (
        f"cannot reach the cloud at {url}: connection refused; is `edgefleet cloud run` running?"
    )


def test_a_cloud_that_does_not_answer_in_time_is_said_so() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Cloud(url, timeout_s=0.05) as cloud:
            with pytest.raises(UnavailableError, match=r"did not answer GET .* in time$"):
                cloud.summary()
            with pytest.raises(UnavailableError, match="it may still carry out what was asked"):
                cloud.send("ping")


class OtherServer(BaseHTTPRequestHandler):
    """A web server that is no cloud."""

    def do_GET(self) -> None:
        status = 502 if self.path.endswith("models") else 200
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"<h1>Hello</h1>")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("ask", "error", "words"),
    [
        (Cloud.summary, EdgeError, "is no JSON: is this an edgefleet cloud"),
        (Cloud.models, UnavailableError, "answered 502 Bad Gateway; try again"),
    ],
)
def test_another_server_is_recognised(
    ask: Callable[[Cloud], object], error: type[EdgeError], words: str
) -> None:
    server = HTTPServer(("127.0.0.1", 0), OtherServer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        with Cloud(url) as cloud, pytest.raises(error, match=words):
            ask(cloud)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("url", ["cloud.example", "ftp://x", "http://", "http://[", "http://x:0"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="cloud address"):
        Cloud(url)


def test_a_token_travels_in_plain_text_only_where_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EDGEFLEET_PLAIN_TEXT", raising=False)
    with pytest.raises(UsageError, match=r"would travel to http://cloud.example:8080 in plain"):
        Cloud("http://cloud.example:8080", token="secret")
    for url, token in (
        ("https://cloud.example:8080", "secret"),
        ("http://127.0.0.1:8080", "secret"),
        ("http://cloud.example:8080", ""),
    ):
        Cloud(url, token=token).close()

    monkeypatch.setenv("EDGEFLEET_PLAIN_TEXT", "1")
    Cloud("http://cloud.example:8080", token="secret").close()


def test_the_address_comes_from_the_environment_or_is_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGEFLEET_CLOUD", "http://cloud.example:8080/")
    with Cloud() as cloud:
        from_environment = cloud.url
    monkeypatch.delenv("EDGEFLEET_CLOUD")
    with Cloud() as cloud:
        by_default = cloud.url

    assert from_environment == "http://cloud.example:8080"
    assert by_default == "http://127.0.0.1:8080"
