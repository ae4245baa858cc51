"""Where brokers ask for certificates no password alone lets a device in: with real clients."""

import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cloud_sync.adapters.child_process import ChildProcess
from cloud_sync.adapters.listening import free_port
from cloud_sync.adapters.local_authority import LocalAuthority, issue_server, make_authority
from cloud_sync.adapters.mosquitto_files import MosquittoFiles
from cloud_sync.adapters.nats_broker import find_nats_server
from cloud_sync.adapters.nats_files import NatsFiles
from cloud_sync.config import CloudConfig
from cloud_sync.core.enrolment import DeniedError
from cloud_sync.service import CloudService
from cloud_sync.tls_files import TlsFiles
from edge_agent.agent import Agent
from edge_agent.identity import Identity, identity_in, save_identity
from edge_agent.joining import join, renew
from edge_agent.way_to_cloud import CloudOptions, way_to_cloud
from edge_contract.enrolment import JoinToken, Membership, enrolment_statement
from edge_contract.errors import UsageError
from edge_contract.messages import FleetTopics
from edgefleet.client import Cloud
from tests.security.cheats import Cheat, Login, cheating
from tests.support.links import wait_until
from tests.support.packages import digits

EVENTS = FleetTopics("default").device("cam-1").events


@dataclass(frozen=True)
class Site:
    """A cloud, and a broker that asks for certificates.

    Attributes:
        client: Asks the cloud.
        port: Of the broker.
        websocket_port: Of the same, for pages.
        ca_file: Whom its certificate is by.
        folder: For devices.
    """

    client: Cloud
    port: int
    websocket_port: int
    ca_file: str
    folder: Path

    def joined(self, device: str) -> Identity:
        """Let a device join."""
        made = self.client.create_join_token(device=device)
        token = JoinToken(
            url=self.client.url,
            fleet=made.fleet,
            token_id=made.token.token_id,
            secret=made.secret,
            ca_sha256=made.ca_sha256,
        )
        return join(str(token), device=device, state=self.folder / device)

    def joined_as_page(self, device: str) -> Membership:
        """Let something join that asks for no certificate, because it cannot show any."""
        made = self.client.create_join_token(device=device)
        token_id, key = made.token.token_id, Ed25519PrivateKey.generate()
        statement = enrolment_statement(token_id, fleet=made.fleet, device=device)
        body = {
            "token_id": token_id,
            "secret": made.secret,
            "device": device,
            "public_key": public(key),
            "proof": key.sign(statement).hex(),
        }
        trusted = ssl.create_default_context(cafile=self.ca_file)
        url = f"{self.client.url}/api/v1/enrolment"
        answer = httpx.post(url, json=body, verify=trusted)
        assert answer.status_code == 201, answer.text
        return Membership.from_json(answer.json())

    def kept_copy_of(self, identity: Identity) -> tuple[str, str]:
        """Copy a device's certificate and key, as somebody would who has it in his hands."""
        folder = self.folder / f"stolen-{identity.membership.device}"
        folder.mkdir()
        copies = [str(shutil.copy(path, folder)) for path in own(identity)]
        return copies[0], copies[1]

    def agent(self, device: str) -> Agent:
        """Run a device that joined."""
        return Agent(
            "digits",
            device=device,
            state=self.folder / device,
            cloud=f"mqtts://127.0.0.1:{self.port}",
            interval_s=0.5,
            ready_timeout_s=30.0,
        )

    @contextmanager
    def connected(
        self, login: Login, shown: tuple[str, str] | None, *, is_websocket: bool = False
    ) -> Iterator[Cheat]:
        port = self.websocket_port if is_websocket else self.port
        with cheating(
            port, login, ca_file=self.ca_file, shown=shown, is_websocket=is_websocket
        ) as client:
            yield client

    def lets_in(self, login: Login, shown: tuple[str, str] | None) -> bool:
        with self.connected(login, shown) as client:
            return bool(client.connected)


def own(identity: Identity) -> tuple[str, str]:
    assert identity.certificate is not None
    return identity.certificate, str(identity.key)


def login_of(identity: Identity) -> Login:
    given = identity.membership
    return Login(given.device, given.device, given.password)


def stranger(folder: Path, device: str) -> tuple[str, str]:
    """A certificate of the right name, signed by another authority."""
    make_authority(folder, name="somebody else")
    issue_server(folder, [])
    key = Ed25519PrivateKey.generate()
    given = LocalAuthority(files_of(folder)).certify(
        device, request_of(device, key), public_key=public(key)
    )
    assert given is not None
    (folder / "device.pem").write_text(given.pem)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "device-key.pem").write_bytes(pem)
    return str(folder / "device.pem"), str(folder / "device-key.pem")


def files_of(folder: Path) -> TlsFiles:
    found = TlsFiles.of(folder, None, None, asks_clients=True)
    assert found is not None
    return found


def request_of(device: str, key: Ed25519PrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    return made.public_bytes(Encoding.PEM).decode()


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_authority(folder, name="test authority")
    issue_server(folder, [])
    return folder


@pytest.fixture(scope="module", params=["embedded", "mosquitto", "nats"])
def site(
    request: pytest.FixtureRequest, tls: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    files = files_of(tls)
    folder = tmp_path_factory.mktemp("site")
    port, nats_port, websocket_port = (free_port("127.0.0.1") for _ in range(3))
    with ExitStack() as stack, pytest.MonkeyPatch.context() as environment:
        environment.setenv("EDGEFLEET_CA", str(tls / "ca.pem"))
        if request.param == "mosquitto":
            mosquitto = MosquittoFiles(folder)
            mosquitto.write(
                "default", host="127.0.0.1", port=port, websocket_port=websocket_port, tls=files
            )
            mosquitto.write_passwords({})
            with mosquitto.config.open("a") as config:
                config.write("user root\n")  # started by root it would become another user
            binary = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin")
            assert binary is not None, "mosquitto is not installed"
            _start(stack, [binary, "-c", str(mosquitto.config)], folder)
        elif request.param == "nats":
            server = NatsFiles(folder)
            server.write(
                host="127.0.0.1",
                port=port,
                nats_port=nats_port,
                websocket_port=websocket_port,
                tls=files,
            )
            _start(stack, [find_nats_server(), "--config", str(server.config)], folder)
        is_own = request.param != "embedded"
        cloud = stack.enter_context(
            CloudService(
                CloudConfig(
                    data=tmp_path_factory.mktemp("data"),
                    http_port=0,
                    mqtt_port=port,
                    websocket_port=websocket_port,
                    interval_s=0.5,
                    tls=files,
                    broker=f"mqtts://127.0.0.1:{port}" if is_own else None,
                    broker_ca=str(tls / "ca.pem") if is_own else None,
                    broker_files=folder if is_own else None,
                )
            )
        )
        client = stack.enter_context(Cloud(cloud.url))
        yield Site(client, port, websocket_port, str(tls / "ca.pem"), tmp_path_factory.mktemp("d"))


def _start(stack: ExitStack, command: list[str], folder: Path) -> None:
    running = ChildProcess(command, folder, name=command[0])
    running.claim()
    stack.callback(running.stop)
    running.start()


def test_a_device_is_let_in_by_its_own_certificate_alone(site: Site, tmp_path: Path) -> None:
    mine, other = site.joined("cam-1"), site.joined("cam-2")
    wait_until(lambda: site.lets_in(login_of(mine), own(mine)), within_s=10.0)

    assert not site.lets_in(login_of(mine), None)
    assert not site.lets_in(login_of(mine), stranger(tmp_path, "cam-1"))
    with site.connected(login_of(mine), own(mine)) as victim:
        with site.connected(login_of(mine), own(other)) as thief:
            seen = site.client.summary().messages_refused
            if thief.connected:  # as who its certificate says it is, whatever it calls itself
                thief.says(EVENTS, b"forged")
            time.sleep(0.2)
            assert site.client.summary().messages_refused == seen
            victim.says(EVENTS, b"no event")
            wait_until(lambda: site.client.summary().messages_refused == seen + 1)
        assert victim.lost == 0


def test_a_revoked_certificate_says_and_hears_nothing_more(site: Site) -> None:
    stolen = site.joined("cam-3")
    before = site.kept_copy_of(stolen)
    login = login_of(stolen)
    wait_until(lambda: site.lets_in(login, before), within_s=10.0)
    seen = site.client.summary().messages_refused

    with site.connected(login, before) as device:
        site.client.revoke_credential("cam-3")
        wait_until(lambda: not site.lets_in(login, before))
        if not device.lost:  # mosquitto leaves it connected
            device.says(FleetTopics("default").device("cam-3").telemetry, b"no batch")

    again = site.joined("cam-3")  # by a token of its own, with another key
    wait_until(lambda: site.lets_in(login_of(again), own(again)))
    assert not site.lets_in(login_of(again), before)
    assert site.client.summary().messages_refused == seen


def test_a_device_works_with_its_certificate_and_gets_another_one(site: Site) -> None:
    site.client.push(digits().package)
    joined = site.joined("cam-4")
    first = Path(own(joined)[0]).read_text()
    merged = site.client.summary().rows_merged

    with site.agent("cam-4") as agent:
        agent.predict([digits().rows[0]])
        wait_until(lambda: site.client.summary().rows_merged == merged + 1, within_s=15.0)
    renewed = renew(site.folder / "cam-4")

    assert Path(own(renewed)[0]).read_text() != first
    assert site.lets_in(login_of(renewed), own(renewed))


def test_a_certificate_that_ends_soon_is_renewed_before_the_next_connection(site: Site) -> None:
    joined = site.joined("cam-6")
    state, first = site.folder / "cam-6", Path(own(joined)[0]).read_text()
    soon = replace(joined.membership, certificate_until_unix_s=time.time() + 29 * 86_400)
    key = joined.key.read_bytes()
    save_identity(state, soon, cloud=joined.cloud, token_id=joined.token_id, key=key)

    way = way_to_cloud(
        CloudOptions(None), fleet="default", device="cam-6", state=state, join_token=None
    )
    password = None if way.password_now is None else way.password_now()

    renewed = identity_in(state)
    assert renewed is not None
    assert renewed.membership.password == password != joined.membership.password
    assert Path(own(renewed)[0]).read_text() != first
    assert renewed.membership.certificate_until_unix_s > time.time() + 364 * 86_400


def test_a_page_has_its_password_alone_and_lends_it_to_no_device(site: Site) -> None:
    device = site.joined("cam-5")
    page = site.joined_as_page("tab-1")
    wait_until(lambda: site.lets_in(login_of(device), own(device)), within_s=10.0)

    with site.connected(Login("tab-1", "tab-1", page.password), None, is_websocket=True) as client:
        assert client.connected
    with site.connected(login_of(device), None, is_websocket=True) as client:
        assert not client.connected
    assert not site.lets_in(Login("tab-1", "tab-1", page.password), None)


def test_a_certificate_is_for_the_key_that_was_proven(tls: Path) -> None:
    authority = LocalAuthority(files_of(tls))
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()

    given = authority.certify("cam-1", request_of("cloud", key), public_key=public(key))

    assert given is not None
    subject = x509.load_pem_x509_certificate(given.pem.encode()).subject.rfc4514_string()
    assert subject == "CN=cam-1"  # whatever it asked to be called
    with pytest.raises(DeniedError, match="another key than the device's"):
        authority.certify("cam-1", request_of("cam-1", other), public_key=public(key))
    with pytest.raises(DeniedError, match="cannot be read"):
        authority.certify("cam-1", "no request", public_key=public(key))


def test_certificates_that_nobody_signs_are_not_asked_for(tls: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="with --client-certificates give --tls DIR"):
        TlsFiles.of(None, tls / "server.pem", tls / "server-key.pem", asks_clients=True)
    with pytest.raises(UsageError, match="--admit anyone does not"):
        CloudConfig(data=tmp_path, tls=files_of(tls), admit="anyone")
    moved = replace(files_of(tls), ca_key=None)
    with pytest.raises(UsageError, match=r"bring ca-key\.pem back"):
        NatsFiles(tmp_path).write(host="127.0.0.1", port=1, nats_port=2, tls=moved)


def test_mosquitto_keeps_in_mind_who_was_put_out(tls: Path, tmp_path: Path) -> None:
    files = MosquittoFiles(tmp_path)
    files.write("default", host="127.0.0.1", port=1, tls=files_of(tls))
    files.write_revoked(["cam-9"], ["ab12"], files_of(tls))

    files.write("default", host="127.0.0.1", port=2, tls=files_of(tls))

    assert (tmp_path / "acl").read_text().endswith("user cam-9\ntopic deny #\n")
    revoked = x509.load_pem_x509_crl((tmp_path / "revoked.pem").read_bytes())
    assert [one.serial_number for one in revoked] == [0xAB12]
    files.write_revoked([], [], files_of(tls))
    assert "deny" not in (tmp_path / "acl").read_text()
    files.write("default", host="127.0.0.1", port=2)
    assert not files.asks_clients
