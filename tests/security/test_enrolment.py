"""A device joins once, with a key of its own; what is stolen, old or forged gets nobody in."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.adapters.local_authority import NoAuthority
from cloud_sync.adapters.mosquitto_files import mosquitto_hash
from cloud_sync.backend import NewJoinTokenView, NotFoundError
from cloud_sync.core.enrolment import DeniedError
from cloud_sync.doorkeeper import Doorkeeper
from cloud_sync.enrolment_desk import EnrolmentDesk
from cloud_sync.enrolment_terms import Terms
from cloud_sync.ports import Asking, Grant
from cloud_sync.roster import Roster
from edge_agent.identity import identity_in, save_identity
from edge_agent.way_to_cloud import CloudOptions, way_to_cloud
from edge_contract.enrolment import (
    JoinToken,
    Membership,
    enrolment_statement,
    renewal_statement,
)
from edge_contract.errors import UsageError
from tests.support.memory_office import MemoryOffice


class Fleet:
    """A fleet without a broker, whose clock a test turns."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.now = 1_000_000.0
        self.gone: list[str] = []
        self.record: list[tuple[str, str, str]] = []
        self.store = MemoryOffice()
        self.roster = Roster(self.store)
        terms = Terms(
            fleet="plant",
            broker=lambda: "mqtts://:8883",
            websocket=lambda: "",
            authority=NoAuthority(),
            root=lambda: b"",
            broker_hash=mosquitto_hash,
        )
        self.desk = EnrolmentDesk(
            self.roster,
            terms,
            note=lambda by, action, subject, _detail: self.record.append((by, action, subject)),
            on_gone=self.gone.append,
            clock=lambda: self.now,
        )
        self.door = Doorkeeper(self.roster, "plant", is_open=is_open, clock=lambda: self.now)

    def token(self, device: str = "", *, uses: int = 1) -> NewJoinTokenView:
        return self.desk.create_join_token(
            label="", device=device, uses=uses, expires_s=60.0, by="anna"
        )

    def join(self, device: str, token: NewJoinTokenView, key: Ed25519PrivateKey) -> Membership:
        token_id = token.token.token_id
        statement = enrolment_statement(token_id, fleet="plant", device=device)
        return self.desk.enrol(
            token_id,
            token.secret,
            device=device,
            public_key=public(key),
            proof=key.sign(statement).hex(),
            request="",
        )

    def renew(self, device: str, key: Ed25519PrivateKey, at_unix_s: int) -> Membership:
        proof = key.sign(renewal_statement(at_unix_s, fleet="plant", device=device)).hex()
        return self.desk.renew(device, at_unix_s=at_unix_s, proof=proof, request="")

    def lets_in(self, device: str, password: str, *, client_id: str = "") -> bool:
        asking = Asking(client_id=client_id or device, username=device, password=password)
        return isinstance(self.door.admit(asking), Grant)


def public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def test_a_device_that_joined_is_let_in_as_itself_alone(
    fleet: Fleet, key: Ed25519PrivateKey
) -> None:
    password = fleet.join("cam-1", fleet.token(), key).password

    assert fleet.lets_in("cam-1", password)
    assert not fleet.lets_in("cam-1", password, client_id="cam-2")
    assert not fleet.lets_in("cam-2", password)
    assert not fleet.lets_in("cam-1", "")
    assert fleet.record == [
        ("anna", "join-token.create", fleet.roster.tokens()[0].token_id),
        ("device cam-1", "device.join", "cam-1"),
    ]


def test_a_token_serves_as_many_devices_as_it_says_and_no_longer_than_it_says(
    fleet: Fleet,
) -> None:
    group = fleet.token(uses=2)
    keys = [Ed25519PrivateKey.generate() for _ in range(3)]
    fleet.join("cam-1", group, keys[0])
    fleet.join("cam-2", group, keys[1])

    with pytest.raises(DeniedError, match="used up"):
        fleet.join("cam-3", group, keys[2])
    late = fleet.token()
    fleet.now += 60.0
    with pytest.raises(DeniedError, match="expired"):
        fleet.join("cam-3", late, keys[2])
    ended = fleet.token()
    fleet.desk.revoke_join_token(ended.token.token_id, by="anna")
    with pytest.raises(DeniedError, match="revoked"):
        fleet.join("cam-3", ended, keys[2])


def test_whose_answer_was_lost_asks_again_and_takes_no_second_use(
    fleet: Fleet, key: Ed25519PrivateKey
) -> None:
    token = fleet.token()
    first = fleet.join("cam-1", token, key).password

    second = fleet.join("cam-1", token, key).password

    assert fleet.lets_in("cam-1", second)
    assert not fleet.lets_in("cam-1", first)
    with pytest.raises(DeniedError, match="used up"):
        fleet.join("cam-1", token, Ed25519PrivateKey.generate())


def test_a_wrong_secret_or_proof_joins_nobody(fleet: Fleet, key: Ed25519PrivateKey) -> None:
    token = fleet.token()

    with pytest.raises(DeniedError, match="token is wrong"):
        fleet.join("cam-1", replace(token, secret="A" * 43), key)
    with pytest.raises(DeniedError, match="not signed by the key"):
        fleet.desk.enrol(
            token.token.token_id,
            token.secret,
            device="cam-1",
            public_key=public(key),
            proof=Ed25519PrivateKey.generate().sign(b"something").hex(),
            request="",
        )
    assert fleet.roster.credentials() == []
    assert fleet.roster.tokens()[0].used == 0


def test_a_name_that_is_taken_is_given_away_by_a_token_of_its_own_alone(
    fleet: Fleet, key: Ed25519PrivateKey
) -> None:
    old = fleet.join("cam-1", fleet.token(), key).password
    other = Ed25519PrivateKey.generate()

    with pytest.raises(UsageError, match="fleet enroll --device cam-1"):
        fleet.join("cam-1", fleet.token(uses=5), other)
    new = fleet.join("cam-1", fleet.token("cam-1"), other).password

    assert (fleet.lets_in("cam-1", old), fleet.lets_in("cam-1", new)) == (False, True)
    assert fleet.gone == ["cam-1"]


def test_a_token_for_one_device_serves_no_other(fleet: Fleet, key: Ed25519PrivateKey) -> None:
    with pytest.raises(DeniedError, match="for device 'cam-1', not 'cam-2'"):
        fleet.join("cam-2", fleet.token("cam-1"), key)
    with pytest.raises(UsageError, match="has one use, got 2"):
        fleet.token("cam-1", uses=2)


@pytest.mark.parametrize(
    "name", ["all", "cloud", "cloud-7", "collector-x", "admission", "cam/1", "", "a" * 65]
)
def test_names_that_mean_something_else_are_refused(
    fleet: Fleet, key: Ed25519PrivateKey, name: str
) -> None:
    with pytest.raises(UsageError):
        fleet.join(name, fleet.token(), key)
    assert not fleet.lets_in(name, "anything")


def test_a_renewed_password_counts_at_once_and_the_old_one_a_day(
    fleet: Fleet, key: Ed25519PrivateKey
) -> None:
    old = fleet.join("cam-1", fleet.token(), key).password

    new = fleet.renew("cam-1", key, 1_000_010).password

    assert fleet.lets_in("cam-1", new)
    assert fleet.lets_in("cam-1", old)
    fleet.now += 86_401.0
    assert fleet.lets_in("cam-1", new)
    assert not fleet.lets_in("cam-1", old)


def test_a_renewal_is_neither_repeated_nor_forged_nor_stale(
    fleet: Fleet, key: Ed25519PrivateKey
) -> None:
    fleet.join("cam-1", fleet.token(), key)
    fleet.renew("cam-1", key, 1_000_010)

    with pytest.raises(DeniedError, match="came before"):
        fleet.renew("cam-1", key, 1_000_010)
    with pytest.raises(DeniedError, match="not signed by the key"):
        fleet.renew("cam-1", Ed25519PrivateKey.generate(), 1_000_011)
    with pytest.raises(DeniedError, match="off by -301 s"):
        fleet.renew("cam-1", key, 1_000_301)
    with pytest.raises(DeniedError, match="no device 'cam-2' has joined"):
        fleet.renew("cam-2", key, 1_000_011)


def test_who_was_put_out_stays_out_until_a_token_names_him(
    fleet: Fleet, key: Ed25519PrivateKey
) -> None:
    group = fleet.token(uses=5)
    password = fleet.join("cam-1", group, key).password

    fleet.desk.revoke_credential("cam-1", by="anna")

    assert not fleet.lets_in("cam-1", password)
    assert fleet.gone == ["cam-1"]
    with pytest.raises(DeniedError, match="put out"):
        fleet.renew("cam-1", key, 1_000_010)
    with pytest.raises(UsageError, match="has joined before"):
        fleet.join("cam-1", group, key)
    assert fleet.lets_in("cam-1", fleet.join("cam-1", fleet.token("cam-1"), key).password)
    with pytest.raises(NotFoundError):
        fleet.desk.revoke_credential("cam-9", by="anna")


def test_where_anyone_may_speak_a_name_that_joined_still_needs_its_password(
    key: Ed25519PrivateKey,
) -> None:
    fleet = Fleet(is_open=True)
    password = fleet.join("cam-1", fleet.token(), key).password

    assert fleet.lets_in("cam-2", "")
    assert not fleet.lets_in("cam-1", "")
    assert fleet.lets_in("cam-1", password)


def test_what_was_decided_counts_after_a_restart(fleet: Fleet, key: Ed25519PrivateKey) -> None:
    fleet.join("cam-1", fleet.token(), key)
    fleet.desk.quarantine("cam-1", reason="odd counts", by="anna")

    again = Roster(fleet.store)

    assert again.credentials() == fleet.roster.credentials()
    assert again.tokens() == fleet.roster.tokens()
    found = again.quarantine("cam-1")
    assert found is not None
    assert (found.reason, found.by) == ("odd counts", "anna")


def test_nothing_that_is_kept_gives_a_secret_away(fleet: Fleet, key: Ed25519PrivateKey) -> None:
    token = fleet.token()
    password = fleet.join("cam-1", token, key).password

    kept = repr(fleet.store.admissions()) + repr([vars_of(it) for it in fleet.store.admissions()])

    assert token.secret not in kept
    assert password not in kept


def vars_of(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined]


def test_a_join_token_is_read_as_it_was_written_and_damage_is_told() -> None:
    token = JoinToken(
        url="https://cloud.example:8080",
        fleet="plant",
        token_id="0123456789ab",
        secret="s" * 43,
        ca_sha256="c" * 64,
    )

    assert JoinToken.parse(f" {token}\n") == token
    for damaged in (
        "",
        "efj_",
        str(token)[:-9],
        str(token)[4:],
        "efj_AAAA",
        f"{token}%",
        "x" * 9999,
    ):
        with pytest.raises(UsageError, match="no join token, or not all of one"):
            JoinToken.parse(damaged)
    with pytest.raises(UsageError, match="no join token"):
        JoinToken.parse(str(replace(token, url="ftp://cloud.example")))


def test_a_device_that_joined_goes_by_what_it_got_and_nobody_else_does(tmp_path: Path) -> None:
    given = Membership(
        fleet="plant", device="cam-1", password="p", broker="mqtts://:8883", root='{"signed": 1}'
    )
    save_identity(tmp_path, given, cloud="https://[fd00::1]:8080", token_id="a" * 12, key=b"key")

    def way(device: str, told: CloudOptions) -> CloudOptions:
        return way_to_cloud(told, fleet="plant", device=device, state=tmp_path, join_token=None)

    found = way("cam-1", CloudOptions(None))

    assert (found.url, found.username, found.password) == ("mqtts://[fd00::1]:8883", "cam-1", "p")
    assert found.root == b'{"signed": 1}'
    assert way("cam-1", CloudOptions("mqtts://other.example")).url == "mqtts://other.example"
    with pytest.raises(UsageError, match="belongs to device 'cam-1' of fleet 'plant'"):
        way("cam-2", CloudOptions(None))
    with pytest.raises(UsageError, match="plain text"):
        way("cam-1", CloudOptions("mqtt://other.example"))


def test_a_damaged_identity_is_told(tmp_path: Path) -> None:
    given = Membership(fleet="plant", device="cam-1", password="p", broker="mqtts://:8883")
    save_identity(tmp_path, given, cloud="https://a:1", token_id="a" * 12, key=b"key")
    path = tmp_path / "identity" / "membership.json"
    path.write_text(path.read_text()[:-9])

    with pytest.raises(UsageError, match=r"is damaged .* join again"):
        identity_in(tmp_path)
    assert identity_in(tmp_path / "elsewhere") is None
