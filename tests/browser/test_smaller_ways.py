"""A tab fetches what differs from the version that it has, by deltas that it checks."""

import json
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import BrowserContext

from browser.py.smaller_ways import applied, compressions, ways
from edge_agent.adapters.compressions import compressions_here
from edge_contract.delta import FileOffer, Offer, Parcel, Way, make_delta
from edge_contract.errors import PackageError
from edge_contract.package import ArtifactRole, Package, digest_of
from tests.browser.clouds import Cloud
from tests.browser.pages import PageServer
from tests.browser.sites import built, retold
from tests.browser.tabs import Tab
from tests.integration.processes import eventually
from tests.support.packages import digits


def ways_to(package: Package, base: Package, cloud: Cloud) -> dict[str, int]:
    """Wait for the deltas; return the size of each by its digest."""
    query = {"have": [base.digest], "with": ["zstd", "zlib"]}
    url = f"{cloud.url}/api/v1/blobs/{package.digest}/offer"
    ends_s = time.monotonic() + 30.0
    while True:
        offer = Offer.from_bytes(httpx.get(url, params=query).content)
        if not offer.is_growing:
            break
        assert time.monotonic() < ends_s
        time.sleep(0.1)
    found = offer.of(package.manifest.artifact(ArtifactRole.MODEL).digest)
    assert found is not None
    return {way.parcel.digest: way.parcel.size_bytes for way in found.ways if way.old}


def test_a_new_version_comes_as_a_delta_from_the_one_that_is_here(
    tmp_path: Path, context: BrowserContext, complaints: list[str]
) -> None:
    v1, v2 = digits().package, retold("1.1.0")
    row = digits().rows[0].tolist()
    asked: list[str] = []
    with Cloud(tmp_path) as cloud, PageServer(built(tmp_path / "site")) as server:
        cloud.client.push(v1)
        tab = Tab(context, f"{server.url}/tests.html", complaints)
        tab.page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        tab.start(model="digits", cloud=cloud.websocket_url)
        assert tab.predict([row])["model"] == "digits@1.0.0"

        cloud.client.push(v2)
        [(delta, size), *_] = ways_to(v2, v1, cloud).items()
        cloud.client.start_rollout("digits", "1.1.0", strategy="all-at-once", bake_s=1)
        eventually("it serves", lambda: tab.predict([row])["model"] == "digits@1.1.0")

        model = v2.manifest.artifact(ArtifactRole.MODEL)
        assert delta in asked
        assert size < model.size / 10
        assert model.digest not in asked
        assert asked.count(v1.manifest.artifact(ArtifactRole.REFERENCE).digest) <= 1
    assert complaints == []


def test_a_delta_is_applied_or_refused_with_what_is_wrong() -> None:
    old, new = b"weights of before " * 50, b"weights of now " * 60
    delta = make_delta(old, new, compression=compressions_here()[-1]).to_bytes()

    assert applied(old, delta, digest_of(new), len(new)) == new
    for spoilt in (delta[:-3], b"\0" * 40, b""):
        with pytest.raises(PackageError):
            applied(old, spoilt, digest_of(new), len(new))
    with pytest.raises(PackageError):
        applied(old[:-1], delta, digest_of(new), len(new))


def test_ways_that_save_nothing_are_left_out() -> None:
    whole, delta = Parcel.of(b"n" * 100), Parcel.of(b"a" * 20)
    smaller, larger = Way(delta, digest_of(b"old")), Way(Parcel.of(b"b" * 100))
    offer = Offer((FileOffer(whole, (smaller, larger)),))

    found = json.loads(ways(offer.to_bytes()))

    way = {"digest": delta.digest, "size": 20, "old": digest_of(b"old")}
    assert found == {whole.digest: [way]}
    assert "zlib" in json.loads(compressions())
    with pytest.raises(PackageError, match="offer"):
        ways(b"no offer")
