"""What a taken registry or mirror can try on a tab, by the same lies as on devices."""

import datetime
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, Root, Timestamp

from cloud_sync.trust.keys import load_key
from cloud_sync.trust.online import OnlineRoles
from cloud_sync.trust.releasing import released
from edge_contract.messages import DesiredState, encode
from edge_contract.package import ArtifactRole, Package
from tests.browser.attacked import AttackedTab
from tests.browser.sites import Site
from tests.security.mirrors import Mirror, running
from tests.security.signed_fleets import NOW, V1, V2, Fleet

MODEL = V1.manifest.artifact(ArtifactRole.MODEL)
LONGEST_LIFE = datetime.timedelta(days=40)
REFUSED = "UnavailableError: cannot say whether digits@1.0.0 was released: "


@pytest.fixture(scope="module")
def tab(chromium: Browser, site: Site) -> Iterator[AttackedTab]:
    with chromium.new_context() as context:
        yield AttackedTab(context.new_page(), site)


@pytest.fixture
def fleet(tmp_path: Path, tab: AttackedTab) -> Iterator[Fleet]:
    with running(Mirror(tmp_path / "keys" / "cloud" / "metadata")) as mirror:
        fleet = Fleet(tmp_path, mirror)
        fleet.release(V1)
        for package in (V1, V2):
            show(mirror, package)
        tab.begin(fleet)
        yield fleet


def show(mirror: Mirror, package: Package) -> None:
    """Let the mirror have a package beside the metadata."""
    mirror.lies[package.digest] = package.manifest_bytes
    for artifact in package.manifest.artifacts:
        mirror.lies[artifact.digest] = package.files[artifact.path]


def tampered_model(fleet: Fleet) -> None:
    fleet.mirror.lies[MODEL.digest] = V1.files[MODEL.path][:-1] + b"\0"


def tampered_manifest(fleet: Fleet) -> None:
    fleet.mirror.lies[V1.digest] = V1.manifest_bytes.replace(b'"digits"', b'"digitz"')


def tampered_metadata(fleet: Fleet) -> None:
    data = json.loads((fleet.mirror.folder / "timestamp.json").read_text())
    data["signed"]["meta"]["snapshot.json"]["version"] += 1
    fleet.mirror.lies["timestamp.json"] = json.dumps(data).encode()


def strangers_release(fleet: Fleet) -> None:
    newest = fleet.online.metadata.targets("model-digits")
    data = released(newest, V2, CryptoSigner.generate_ed25519(), now=NOW)
    fleet.mirror.lies["2.model-digits.json"] = data


def indefinite_freeze(fleet: Fleet) -> None:
    fleet.online.publish(now=NOW - LONGEST_LIFE)


def mix_and_match(fleet: Fleet) -> None:
    before = (fleet.mirror.folder / "2.snapshot.json").read_bytes()
    fleet.release(V2)
    fleet.mirror.lies["3.snapshot.json"] = before


def endless_data(fleet: Fleet) -> None:
    fleet.mirror.endless.add("timestamp.json")


def endless_model(fleet: Fleet) -> None:
    fleet.mirror.endless.add(MODEL.digest)


def slow_retrieval(fleet: Fleet) -> None:
    fleet.mirror.trickles.add("timestamp.json")


def too_few_keys(fleet: Fleet) -> None:
    mine = CryptoSigner.generate_ed25519()
    root: Metadata[Root] = Metadata.from_bytes(fleet.root)
    root.signed.version = 2
    root.signed.add_key(mine.public_key, "targets")
    root.sign(load_key(fleet.keys / "root-1.pem", password=None))
    root.sign(mine, append=True)
    fleet.mirror.lies["2.root.json"] = root.to_bytes()


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (tampered_model, "PackageError: .* sent something else"),
        (tampered_manifest, "PackageError: .* sent something else"),
        (tampered_metadata, f"{REFUSED}.*metadata is refused"),
        (strangers_release, f"{REFUSED}.*metadata is refused"),
        (indefinite_freeze, f"{REFUSED}.*expired"),
        (mix_and_match, f"{REFUSED}.*metadata is refused"),
        (endless_data, f"{REFUSED}.*more than"),
        (endless_model, "PackageError: .* sends more than"),
        (slow_retrieval, f"{REFUSED}.*timed out"),
        (too_few_keys, f"{REFUSED}.*metadata is refused"),
    ],
)
def test_what_a_mirror_forged_is_refused_with_the_reason_and_the_page_goes_on(
    fleet: Fleet, tab: AttackedTab, attack: Callable[[Fleet], None], reason: str
) -> None:
    attack(fleet)

    said = tab.fetch()

    assert re.match(reason, said), said
    assert tab.predicts()


@pytest.mark.usefixtures("fleet")
def test_a_package_that_nobody_released_is_refused_for_good(tab: AttackedTab) -> None:
    assert tab.fetch(V1) == ""

    assert "PackageError: digits@1.1.0 was not released" in tab.fetch(V2)
    assert tab.predicts()


def test_metadata_of_before_is_refused_once_newer_was_seen(fleet: Fleet, tab: AttackedTab) -> None:
    old = (fleet.mirror.folder / "timestamp.json").read_bytes()
    fleet.release(V2)
    assert tab.fetch(V2) == ""

    fleet.mirror.lies["timestamp.json"] = old

    assert "metadata is refused" in tab.fetch(V1)
    assert tab.predicts()


def test_versions_that_ran_ahead_are_recovered_from_by_new_keys(
    fleet: Fleet, tab: AttackedTab
) -> None:
    timestamp: Metadata[Timestamp] = OnlineRoles(fleet.ceremony.cloud).metadata.timestamp()
    timestamp.signed.version = 2**31
    timestamp.sign(load_key(fleet.ceremony.cloud / "timestamp.pem", password=None))
    fleet.mirror.lies["timestamp.json"] = timestamp.to_bytes()
    assert tab.fetch() == ""  # the tab has seen it
    tab.forget()
    del fleet.mirror.lies["timestamp.json"]

    refused = tab.fetch()
    fleet.ceremony.rotate("timestamp")
    fleet.ceremony.rotate("snapshot")

    assert "metadata is refused" in refused
    assert tab.predicts()
    assert tab.fetch() == ""


def test_a_tab_that_slept_through_several_roots_follows_them(
    fleet: Fleet, tab: AttackedTab
) -> None:
    for role in ("root", "root", "root", "targets", "model-digits"):
        fleet.ceremony.rotate(role)

    assert tab.fetch() == ""


def test_an_order_for_another_device_is_refused(fleet: Fleet, tab: AttackedTab) -> None:
    order = DesiredState(generation=3, packages_url=fleet.mirror.url.removesuffix("/trust"))
    sealed = fleet.online.seal("ef1/f/d/web-3", encode(order))

    assert tab.open("ef1/f/d/web-3", sealed) == ""
    assert "for another device" in tab.open("ef1/f/d/web-4", sealed)
    assert "it is not signed" in tab.open("ef1/f/d/web-3", encode(order))
    assert tab.predicts()
