"""The questions of a tab about signatures, asked as JavaScript asks them, of a mirror that lies."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root

from browser.py import verifying
from browser.py.verifying import Verifying
from cloud_sync.trust.ceremony import Ceremony, Passwords
from cloud_sync.trust.keys import load_key
from cloud_sync.trust.online import OnlineRoles
from cloud_sync.trust.releasing import released
from edge_contract.messages import DesiredState, encode
from edge_contract.package import Package
from tests.support.packages import digits, with_version

NOW: Final = datetime.datetime.now(datetime.UTC)
URL: Final = "https://cloud.example/api/v1/blobs/trust"
V1, V2 = digits().package, with_version(digits().package, "1.1.0")


class Mirror:
    """What is fetched for a tab; ``lies`` stand in place of files, ``None`` for one that fails."""

    def __init__(self, folder: Path) -> None:
        self.keys = folder / "keys"
        self.ceremony = Ceremony(self.keys, Passwords(), now=NOW)
        self.ceremony.begin(["digits"])
        self.folder = self.ceremony.cloud / "metadata"
        self.root = (self.folder / "root.json").read_text()
        self.online = OnlineRoles(self.ceremony.cloud)
        self.lies: dict[str, bytes | None] = {}

    def release(self, package: Package, *, now: datetime.datetime = NOW) -> None:
        signer = load_key(self.keys / "model-digits.pem", password=None)
        newest = self.online.metadata.targets("model-digits")
        self.online.accept("model-digits", released(newest, package, signer, now=now), now=now)

    def answer(self, tab: Verifying, ask: Callable[[], str]) -> dict[str, object]:
        """Ask as ``browser/src/trust.js`` does."""
        tab.begin()
        for _ in range(30):
            found: dict[str, object] = json.loads(ask())
            if "needs" not in found:
                return found
            url = str(found["needs"])
            name = url.removeprefix(f"{URL}/")
            path = self.folder / name
            lie = self.lies.get(name, b"")
            if lie is None:
                tab.not_fetched(url, 0, f"{url}: connection reset")
            elif lie or path.is_file():
                tab.fetched(url, lie or path.read_bytes())
            else:
                tab.not_fetched(url, 404, f"{url} answers 404")
        raise AssertionError("it asks for ever")

    def released(self, tab: Verifying, package: Package = V1) -> dict[str, object]:
        return self.answer(tab, lambda: tab.released(package.manifest_bytes, URL))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mirror:
    monkeypatch.setattr(verifying, "_FOLDER", tmp_path / "tab")
    mirror = Mirror(tmp_path)
    mirror.release(V1)
    return mirror


@pytest.fixture
def tab(mirror: Mirror) -> Verifying:
    return Verifying(mirror.root, "")


def test_what_was_released_is_let_in_and_what_was_not_is_refused_for_good(
    mirror: Mirror, tab: Verifying
) -> None:
    assert mirror.released(tab) == {}

    found = mirror.released(tab, V2)

    assert found["for_good"] is True
    assert "digits@1.1.0 was not released" in str(found["refused"])


def test_other_content_under_a_released_version_is_refused_for_good(
    mirror: Mirror, tab: Verifying
) -> None:
    other = with_version(V2, "1.0.0")
    other = Package(other.manifest, other.manifest_bytes + b" ", {})

    found = mirror.released(tab, other)

    assert found["for_good"] is True
    assert "digits@1.0.0 was released as" in str(found["refused"])


def stranger(mirror: Mirror) -> None:
    newest = mirror.online.metadata.targets("model-digits")
    data = released(newest, V2, CryptoSigner.generate_ed25519(), now=NOW)
    mirror.lies["2.model-digits.json"] = data


def too_few_keys(mirror: Mirror) -> None:
    root: Metadata[Root] = Metadata.from_bytes(mirror.root.encode())
    root.signed.version = 2
    root.signed.add_key(CryptoSigner.generate_ed25519().public_key, "targets")
    root.sign(load_key(mirror.keys / "root-1.pem", password=None))
    mirror.lies["2.root.json"] = root.to_bytes()


def mixed(mirror: Mirror) -> None:
    old = (mirror.folder / "2.snapshot.json").read_bytes()
    mirror.release(V2)
    mirror.lies["3.snapshot.json"] = old


def expired(mirror: Mirror) -> None:
    mirror.online.publish(now=NOW - datetime.timedelta(days=40))


def endless(mirror: Mirror) -> None:
    mirror.lies["timestamp.json"] = b" " * 5_000_000


def silent(mirror: Mirror) -> None:
    mirror.lies["timestamp.json"] = None


@pytest.mark.parametrize("attack", [stranger, too_few_keys, mixed, expired, endless, silent])
def test_metadata_that_cannot_be_verified_is_refused_and_may_come_again(
    mirror: Mirror, tab: Verifying, attack: Callable[[Mirror], None]
) -> None:
    attack(mirror)

    found = mirror.released(tab)

    assert found["for_good"] is False
    assert "cannot say whether digits@1.0.0 was released" in str(found["refused"])
    mirror.lies.clear()
    mirror.online.publish(now=NOW)
    assert mirror.released(tab) == {}


def test_after_a_reload_older_metadata_is_refused(
    mirror: Mirror, tab: Verifying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = (mirror.folder / "timestamp.json").read_bytes()
    mirror.release(V2)
    assert mirror.released(tab, V2) == {}
    kept = tab.known()

    monkeypatch.setattr(verifying, "_FOLDER", tmp_path / "reloaded")
    again = Verifying(mirror.root, kept)
    mirror.lies["timestamp.json"] = old

    assert "metadata is refused" in str(mirror.released(again)["refused"])


def test_orders_are_opened_if_the_director_sealed_them_for_this_tab(
    mirror: Mirror, tab: Verifying
) -> None:
    order = encode(DesiredState(generation=3, packages_url=":8080/api/v1/blobs"))
    sealed = mirror.online.seal("ef1/f/d/web-3", order)
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])

    def asked(topic: str, message: bytes) -> str:
        found = mirror.answer(tab, lambda: tab.opened(topic, message, URL))
        return str(found.get("refused", ""))

    assert asked("ef1/f/d/web-3", sealed) == ""
    assert (tab.payload(sealed), tab.packages_url(sealed)) == (order, ":8080/api/v1/blobs")
    assert "for another device" in asked("ef1/f/d/web-4", sealed)
    assert "its signature is wrong" in asked("ef1/f/d/web-3", changed)
    assert "it is not signed" in asked("ef1/f/d/web-3", order)
    assert tab.packages_url(order) == ""
