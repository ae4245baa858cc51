"""What a taken registry or mirror can try, and what a device that pins a root does about it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from cloud_sync.trust.ceremony import Ceremony, Passwords
from cloud_sync.trust.keys import load_key
from cloud_sync.trust.online import OnlineRoles
from cloud_sync.trust.releasing import released
from edge_agent.adapters import tuf_fetcher
from edge_agent.adapters.tuf_fetcher import TufFetcher
from edge_agent.adapters.tuf_verifier import TufVerifier
from edge_contract.errors import MessageError, PackageError, UnavailableError, UsageError
from edge_contract.messages import DesiredState, decode, encode
from edge_contract.package import Package
from tests.security.mirrors import Mirror, running
from tests.security.signed_fleets import DAY, NOW, V1, V2, Fleet
from tests.support.packages import digits, with_version


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with running(Mirror(tmp_path / "keys" / "cloud" / "metadata")) as mirror:
        fleet = Fleet(tmp_path, mirror)
        fleet.release(V1)
        yield fleet


@pytest.fixture
def device(fleet: Fleet, tmp_path: Path) -> TufVerifier:
    return fleet.device(tmp_path / "device")


def test_what_was_released_is_let_in(fleet: Fleet, device: TufVerifier) -> None:
    device.require_released(V1, fleet.mirror.url)


def test_an_arbitrary_package_is_refused(fleet: Fleet, device: TufVerifier) -> None:
    with pytest.raises(PackageError, match=r"digits@1\.1\.0 was not released"):
        device.require_released(V2, fleet.mirror.url)


def test_other_content_under_a_released_version_is_refused(
    fleet: Fleet, device: TufVerifier
) -> None:
    other = with_version(V2, "1.0.0", name="digits")
    changed = with_version(digits("7.7.7").package, "1.0.0")
    bad = other if other.digest != V1.digest else changed
    tampered = Package(bad.manifest, bad.manifest_bytes + b" ", bad.files)

    with pytest.raises(PackageError, match=r"was released as .*, and this is"):
        device.require_released(tampered, fleet.mirror.url)


def test_metadata_of_strangers_is_refused_and_the_package_may_come_again(
    fleet: Fleet, device: TufVerifier
) -> None:
    stranger = CryptoSigner.generate_ed25519()
    newest = fleet.online.metadata.targets("model-digits")
    data = released(newest, V2, stranger, now=NOW)
    fleet.mirror.lies["2.model-digits.json"] = data

    with pytest.raises(UnavailableError, match="metadata is refused"):
        device.require_released(V2, fleet.mirror.url)

    fleet.mirror.lies.clear()
    device.require_released(V1, fleet.mirror.url)


def test_older_metadata_is_refused_once_newer_was_seen(
    fleet: Fleet, device: TufVerifier, tmp_path: Path
) -> None:
    shutil.copytree(fleet.mirror.folder, tmp_path / "old")
    fleet.release(V2)
    device.require_released(V2, fleet.mirror.url)
    old = (tmp_path / "old" / "timestamp.json").read_bytes()
    fleet.mirror.lies["timestamp.json"] = old

    with pytest.raises(UnavailableError, match="metadata is refused"):
        device.require_released(V1, fleet.mirror.url)


def test_metadata_that_has_expired_stops_updates_and_says_so(
    fleet: Fleet, device: TufVerifier
) -> None:
    fleet.online.publish(now=NOW - 40 * DAY)  # the newest that a mirror shows for ever

    with pytest.raises(UnavailableError, match=r"expired.*the present version goes on"):
        device.require_released(V1, fleet.mirror.url)


def test_a_snapshot_that_mixes_old_and_new_is_refused(fleet: Fleet, device: TufVerifier) -> None:
    before = (fleet.mirror.folder / "2.snapshot.json").read_bytes()
    fleet.release(V2)
    fleet.mirror.lies["3.snapshot.json"] = before

    with pytest.raises(UnavailableError, match="metadata is refused"):
        device.require_released(V2, fleet.mirror.url)


def test_versions_that_ran_ahead_are_recovered_from_by_new_keys(
    fleet: Fleet, device: TufVerifier
) -> None:
    device.require_released(V1, fleet.mirror.url)
    online = OnlineRoles(fleet.ceremony.cloud)
    stolen = load_key(fleet.ceremony.cloud / "timestamp.pem", password=None)
    timestamp: Metadata[Timestamp] = online.metadata.timestamp()
    timestamp.signed.version = 2**31
    timestamp.sign(stolen)
    fleet.mirror.lies["timestamp.json"] = timestamp.to_bytes()
    device.require_released(V1, fleet.mirror.url)  # the device has seen it
    fleet.mirror.lies.clear()

    with pytest.raises(UnavailableError, match="metadata is refused"):
        device.require_released(V1, fleet.mirror.url)
    fleet.ceremony.rotate("timestamp")
    fleet.ceremony.rotate("snapshot")

    device.require_released(V1, fleet.mirror.url)


def test_endless_data_is_cut_off(fleet: Fleet, device: TufVerifier) -> None:
    fleet.mirror.endless.add("timestamp.json")

    with pytest.raises(UnavailableError, match="metadata"):
        device.require_released(V1, fleet.mirror.url)

    assert fleet.mirror.sent_bytes < 20_000_000


def test_a_mirror_that_sends_a_byte_now_and_then_is_left(
    fleet: Fleet, device: TufVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuf_fetcher, "_LONGEST_S", 0.5)
    fleet.mirror.trickles.add("timestamp.json")

    with pytest.raises(UnavailableError, match=r"takes more than 0\.5 s"):
        device.require_released(V1, fleet.mirror.url)


def test_one_of_two_keys_of_the_root_makes_no_root(fleet: Fleet, device: TufVerifier) -> None:
    stolen = load_key(fleet.keys / "root-1.pem", password=None)
    mine = CryptoSigner.generate_ed25519()
    root: Metadata[Root] = Metadata.from_bytes(fleet.root)
    root.signed.version = 2
    root.signed.add_key(mine.public_key, "targets")
    root.sign(stolen)
    root.sign(mine, append=True)
    fleet.mirror.lies["2.root.json"] = root.to_bytes()

    with pytest.raises(UnavailableError, match="metadata is refused"):
        device.require_released(V1, fleet.mirror.url)


def test_a_device_that_slept_through_several_roots_follows_them(
    fleet: Fleet, device: TufVerifier
) -> None:
    for _ in range(3):
        fleet.ceremony.rotate("root")
    fleet.ceremony.rotate("targets")
    fleet.ceremony.rotate("model-digits")
    assert fleet.online.metadata.root().signed.version == 5

    device.require_released(V1, fleet.mirror.url)


def test_a_key_of_one_model_releases_no_other_model(fleet: Fleet, device: TufVerifier) -> None:
    gate = with_version(V1, "1.0.0", name="gate")
    fleet.release(gate)  # signed by the key of the digits

    with pytest.raises(PackageError, match=r"gate@1\.0\.0 was not released"):
        device.require_released(gate, fleet.mirror.url)


def test_a_version_is_never_released_twice_with_other_content(fleet: Fleet) -> None:
    other = Package(V1.manifest, V1.manifest_bytes + b" ", V1.files)

    with pytest.raises(UsageError, match="versions never change"):
        fleet.release(other)


def test_the_cloud_takes_no_metadata_from_strangers(fleet: Fleet) -> None:
    newest = fleet.online.metadata.targets("model-digits")
    data = released(newest, V2, CryptoSigner.generate_ed25519(), now=NOW)

    with pytest.raises(PackageError, match="metadata of 'model-digits' is refused"):
        fleet.online.accept("model-digits", data, now=NOW)


def test_metadata_that_is_brought_twice_is_taken_once(fleet: Fleet) -> None:
    data = fleet.mirror.folder.joinpath("2.model-digits.json").read_bytes()

    assert fleet.online.accept("model-digits", data, now=NOW) == 2
    assert fleet.online.metadata.version("model-digits") == 2


def test_orders_of_the_director_are_opened(fleet: Fleet, device: TufVerifier) -> None:
    data = fleet.online.seal("ef1/f/d/gate-3", b"run 1.1.0")

    assert device.opened("ef1/f/d/gate-3", data, url=fleet.mirror.url) == b"run 1.1.0"


def test_a_device_that_pins_no_root_reads_sealed_orders_too(fleet: Fleet) -> None:
    order = DesiredState(generation=3)

    assert decode(fleet.online.seal("ef1/f/d/gate-3", encode(order))) == order


def test_an_order_to_another_device_is_refused(fleet: Fleet, device: TufVerifier) -> None:
    data = fleet.online.seal("ef1/f/d/gate-4", b"run 1.1.0")

    with pytest.raises(MessageError, match="for another device"):
        device.opened("ef1/f/d/gate-3", data, url=fleet.mirror.url)


@pytest.mark.parametrize("data", [b"run 6.6.6", b"", b"\xe5" + b"\0" * 96 + b"run 6.6.6"])
def test_an_order_that_nobody_or_a_stranger_sealed_is_refused(
    fleet: Fleet, device: TufVerifier, data: bytes
) -> None:
    with pytest.raises(MessageError, match=r"not signed|not the director's"):
        device.opened("ef1/f/d/gate-3", data, url=fleet.mirror.url)


def test_an_order_that_was_changed_on_the_way_is_refused(fleet: Fleet, device: TufVerifier) -> None:
    data = bytearray(fleet.online.seal("ef1/f/d/gate-3", b"run 1.1.0"))
    data[-1] ^= 1

    with pytest.raises(MessageError, match="its signature is wrong"):
        device.opened("ef1/f/d/gate-3", bytes(data), url=fleet.mirror.url)


def test_orders_go_on_where_metadata_does_not_come(
    fleet: Fleet, device: TufVerifier, tmp_path: Path
) -> None:
    device.require_released(V1, fleet.mirror.url)
    data = fleet.online.seal("ef1/f/d/gate-3", b"run 1.0.0")

    again = fleet.device(tmp_path / "device")  # a restart without a network

    assert again.opened("ef1/f/d/gate-3", data, url="http://127.0.0.1:9/trust") == b"run 1.0.0"


def test_what_is_no_root_cannot_be_pinned(tmp_path: Path, fleet: Fleet) -> None:
    unsigned = json.loads(fleet.root)
    unsigned["signatures"] = []

    for data in (b"", b"{}", json.dumps(unsigned).encode()):
        with pytest.raises(UsageError, match="the trusted root is none"):
            TufVerifier(tmp_path / "other", data, TufFetcher())


def test_keys_that_are_encrypted_need_their_password(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    Ceremony(keys, Passwords(offline=b"secret"), now=NOW).begin(["digits"])

    with pytest.raises(UsageError, match="is encrypted: give its password"):
        load_key(keys / "targets.pem", password=None)
    with pytest.raises(UsageError, match="the password is wrong"):
        load_key(keys / "targets.pem", password=b"guess")
    assert (keys / "targets.pem").stat().st_mode & 0o077 == 0


def test_what_is_half_way_through_its_life_is_signed_anew(fleet: Fleet) -> None:
    assert not fleet.online.refresh(now=NOW + 3 * DAY)

    assert fleet.online.refresh(now=NOW + 4 * DAY)

    snapshot: Metadata[Snapshot] = fleet.online.metadata.snapshot()
    targets: Metadata[Targets] = fleet.online.metadata.targets("model-digits")
    assert snapshot.signed.version == 3
    assert targets.signed.version == 2
