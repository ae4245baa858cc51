"""Everything encrypted by one's own authority: a device joins, fetches its model, and reports."""

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.adapters.local_authority import issue_server, make_authority
from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from cloud_sync.tls_files import TlsFiles
from edge_agent.agent import Agent
from edge_agent.identity import identity_in
from edge_agent.joining import join, renew
from edge_contract.enrolment import JoinToken
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Birth, FleetTopics, encode
from edgefleet.client import Cloud
from tests.security.cheats import Login, cheating
from tests.support.links import wait_until
from tests.support.packages import digits

PACKAGE = digits().package


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_authority(folder, name="test authority")
    issue_server(folder, ["cloud.example", "10.1.2.3"])
    return folder


@pytest.fixture(scope="module")
def cloud(tls: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudService]:
    config = CloudConfig(
        data=tmp_path_factory.mktemp("data"),
        http_port=0,
        mqtt_port=0,
        interval_s=0.5,
        tls=TlsFiles.of(tls, None, None),
        admit="enrolled",
    )
    with CloudService(config) as cloud:
        yield cloud


@pytest.fixture
def client(cloud: CloudService, tls: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("EDGEFLEET_CA", str(tls / "ca.pem"))
    with Cloud(cloud.url) as client:
        yield client


def token_of(client: Cloud, device: str, *, url: str = "", ca_sha256: str = "") -> JoinToken:
    made = client.create_join_token(device=device)
    return JoinToken(
        url=url or client.url,
        fleet=made.fleet,
        token_id=made.token.token_id,
        secret=made.secret,
        ca_sha256=ca_sha256 or made.ca_sha256,
    )


def test_a_device_joins_fetches_its_model_and_reports_with_nothing_in_plain_text(
    cloud: CloudService, client: Cloud, tmp_path: Path
) -> None:
    client.push(PACKAGE)
    token = token_of(client, "cam-1")

    with Agent(
        "digits",
        device="cam-1",
        state=tmp_path,
        join_token=str(token),
        interval_s=0.5,
        ready_timeout_s=30.0,
    ) as agent:
        for row in digits().rows[:20]:
            agent.predict([row])
        wait_until(lambda: client.summary().rows_merged >= 20, within_s=15.0)

    assert cloud.url.startswith("https://")
    assert cloud.broker_url.startswith("mqtts://")
    assert (tmp_path / "identity" / "device.pem").read_text().startswith("-----BEGIN CERT")
    assert [path.stat().st_mode & 0o077 for path in (tmp_path / "identity").iterdir()] == [0] * 4

    renewed = renew(tmp_path)  # and the device is itself, without the token, with a new password
    with Agent("digits", device="cam-1", state=tmp_path, interval_s=0.5) as agent:
        agent.predict([digits().rows[0]])
        wait_until(lambda: client.summary().rows_merged >= 21, within_s=15.0)
    assert renewed.membership.password not in token.secret


def test_a_batch_that_is_sent_again_or_as_anothers_counts_once(
    cloud: CloudService, client: Cloud, tls: Path, tmp_path: Path
) -> None:
    topics = FleetTopics("default")
    with Agent(
        "digits",
        device="cam-5",
        state=tmp_path / "cam-5",
        join_token=str(token_of(client, "cam-5")),
        interval_s=0.5,
        ready_timeout_s=30.0,
    ) as agent:
        before = client.summary()
        agent.predict([digits().rows[0]])
        wait_until(lambda: client.summary().rows_merged > before.rows_merged, within_s=15.0)
    given = identity_in(tmp_path / "cam-5")
    assert given is not None
    other = join(str(token_of(client, "cam-6")), device="cam-6", state=tmp_path / "cam-6")
    stolen = (tmp_path / "cam-5" / "last-batch.bin").read_bytes()
    told = client.summary()
    ca_file, port = str(tls / "ca.pem"), int(cloud.broker_url.rpartition(":")[2])

    login = Login("cam-5", "cam-5", given.membership.password)
    with cheating(port, login, ca_file=ca_file) as again:
        again.says(topics.device("cam-5").telemetry, stolen)
    wait_until(lambda: client.summary().batches_repeated > told.batches_repeated)
    with cheating(port, Login("cam-6", "cam-6", other.membership.password), ca_file=ca_file) as it:
        it.says(topics.device("cam-6").events, encode(Birth("cam-6", 1, 1.0, True, "1.0")))
        it.says(topics.device("cam-6").telemetry, stolen)
    wait_until(lambda: client.summary().messages_refused > told.messages_refused)

    assert client.summary().rows_merged == told.rows_merged


def test_a_device_that_is_put_out_is_cut_off_at_once(
    cloud: CloudService, client: Cloud, tls: Path, tmp_path: Path
) -> None:
    given = join(str(token_of(client, "cam-7")), device="cam-7", state=tmp_path).membership
    port = int(cloud.broker_url.rpartition(":")[2])
    login = Login("cam-7", "cam-7", given.password)
    ca_file = str(tls / "ca.pem")

    with cheating(port, login, ca_file=ca_file) as device:
        assert device.connected
        client.revoke_credential("cam-7")
        assert device.wait(lambda: device.lost > 0)

    with cheating(port, login, ca_file=ca_file) as device:
        assert not device.connected


def test_whoever_answers_with_another_certificate_learns_nothing(
    client: Cloud, tmp_path: Path
) -> None:
    with pytest.raises(UnavailableError, match="another authority than the join token names"):
        join(str(token_of(client, "cam-2", ca_sha256="0" * 64)), device="cam-2", state=tmp_path)

    assert [view.used for view in client.join_tokens() if view.device == "cam-2"] == [0]


def test_plain_text_and_strange_certificates_are_not_taken(
    cloud: CloudService, tmp_path: Path
) -> None:
    port = int(cloud.broker_url.rpartition(":")[2])
    with cheating(port, Login("cam-1")) as plain:
        assert not plain.connected
    make_authority(tmp_path, name="somebody else")
    strange = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    with (
        socket.create_connection(("127.0.0.1", port)) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        strange.wrap_socket(connection, server_hostname="127.0.0.1")
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{cloud.url}/healthz", timeout=5.0)


def test_a_cloud_does_not_speak_plain_text_beyond_its_machine_unless_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"on '0\.0\.0\.0', passwords and .* --plain-text"):
        CloudConfig(data=tmp_path, host="0.0.0.0", token="t")
    with pytest.raises(UsageError, match="plain text: use mqtts://, or say --plain-text"):
        CloudConfig(data=tmp_path, broker="mqtt://10.1.2.3")

    told = CloudConfig(data=tmp_path, host="0.0.0.0", token="t", plain_text=True)
    here = CloudConfig(data=tmp_path)

    assert (told.lets_anyone_in, here.lets_anyone_in) == (False, True)


def test_an_agent_does_not_speak_plain_text_beyond_its_machine_unless_told(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match="plain text: use mqtts://"):
        Agent(PACKAGE, cloud="mqtt://10.1.2.3", device="cam-1", state=tmp_path)
    Agent(PACKAGE, cloud="mqtt://127.0.0.1:9", device="cam-1", state=tmp_path / "here").close(
        drain_s=0.0
    )


def test_a_join_token_is_not_sent_in_plain_text_beyond_this_machine_unless_told(
    client: Cloud, tmp_path: Path
) -> None:
    token = str(token_of(client, "cam-8", url="http://10.255.255.1:9"))

    with pytest.raises(UsageError, match=r"plain text: let the cloud encrypt .* --plain-text"):
        join(token, device="cam-8", state=tmp_path)

    assert not (tmp_path / "identity").exists()


def test_certificates_that_do_not_fit_are_told(tls: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has an authority already"):
        make_authority(tls, name="again")
    with pytest.raises(UsageError, match=r"cannot read .*ca\.pem"):
        issue_server(tmp_path, ["cloud.example"])
    with pytest.raises(UsageError, match="'a b' is no host"):
        issue_server(tls, ["a b"])
    with pytest.raises(UsageError, match="cannot use certificate"):
        TlsFiles.of(None, tls / "server.pem", tls / "ca-key.pem")
    with pytest.raises(UsageError, match="belong together"):
        TlsFiles.of(None, tls / "server.pem", None)
