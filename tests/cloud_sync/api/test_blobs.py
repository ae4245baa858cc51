"""Downloads by digest, over a real connection: whole, in parts, and not at all."""

from collections.abc import Iterator

import httpx
import pytest

from cloud_sync.api.server import ApiServer
from edge_contract.delta import Offer
from edge_contract.package import digest_of
from tests.support.memory_cloud import MemoryCloud
from tests.support.tiny_package import tiny_package

MODEL = bytes(range(256)) * 40
DIGEST = digest_of(MODEL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    backend = MemoryCloud(tmp_path_factory.mktemp("registry"))
    backend.push(tiny_package(model=MODEL).to_archive(), by="test")
    with ApiServer(backend, port=0) as running:
        yield running


@pytest.fixture
def blob_url(server: ApiServer) -> str:
    return f"{server.url}/api/v1/blobs/{DIGEST}"


def test_a_file_comes_whole_and_may_be_kept_for_ever(blob_url: str) -> None:
    whole = httpx.get(blob_url)

    assert whole.status_code == 200
    assert whole.content == MODEL
    assert whole.headers["etag"] == f'"{DIGEST}"'
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("wanted", "part", "content_range"),
    [
        ("bytes=10000-", MODEL[10_000:], "bytes 10000-10239/10240"),
        ("bytes=0-0", MODEL[:1], "bytes 0-0/10240"),
        ("bytes=100-199", MODEL[100:200], "bytes 100-199/10240"),
        ("bytes=-5", MODEL[-5:], "bytes 10235-10239/10240"),
        ("bytes=10239-99999", MODEL[-1:], "bytes 10239-10239/10240"),
    ],
)
def test_a_broken_download_goes_on_where_it_stopped(
    blob_url: str, wanted: str, part: bytes, content_range: str
) -> None:
    answer = httpx.get(blob_url, headers={"Range": wanted, "If-Range": f'"{DIGEST}"'})

    assert answer.status_code == 206
    assert answer.content == part
    assert answer.headers["content-range"] == content_range


@pytest.mark.parametrize("wanted", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
def test_a_range_past_the_end_is_refused_with_the_size(blob_url: str, wanted: str) -> None:
    answer = httpx.get(blob_url, headers={"Range": wanted})

    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */10240"
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=5-2",
        "bytes=",
        "bytes=a-b",
        "rows=1-2",
        "bytes=0-1,5-6",
        "bytes=-99999",
        "bytes=0-" + "9" * 99,
    ],
)
def test_a_range_that_is_not_one_plain_range_is_ignored(blob_url: str, wanted: str) -> None:
    answer = httpx.get(blob_url, headers={"Range": wanted})

    assert answer.status_code == 200
    assert answer.content == MODEL


def test_a_range_of_another_file_version_gives_the_whole_file(blob_url: str) -> None:
    answer = httpx.get(blob_url, headers={"Range": "bytes=99999-", "If-Range": '"sha256:00"'})

    assert answer.status_code == 200
    assert answer.content == MODEL


def test_who_has_the_file_need_not_fetch_it_again(blob_url: str) -> None:
    answer = httpx.get(blob_url, headers={"If-None-Match": f'"{DIGEST}"'})

    assert answer.status_code == 304
    assert answer.content == b""


def test_the_size_can_be_asked_for_without_the_file(blob_url: str) -> None:
    answer = httpx.head(blob_url)

    assert answer.status_code == 200
    assert answer.headers["content-length"] == "10240"
    assert answer.content == b""


def test_an_unknown_digest_is_not_found(server: ApiServer) -> None:
    answer = httpx.get(f"{server.url}/api/v1/blobs/sha256:{'0' * 64}")

    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("digest", ["sha256:abc", "..%2F..%2Fetc%2Fpasswd", "sha256:" + "G" * 64])
def test_what_is_no_digest_never_reaches_the_files(server: ApiServer, digest: str) -> None:
    answer = httpx.get(f"{server.url}/api/v1/blobs/{digest}")

    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_offer_tells_the_chunks_of_all_files(server: ApiServer) -> None:
    package = tiny_package(model=MODEL)

    answer = httpx.get(
        f"{server.url}/api/v1/blobs/{package.digest}/offer",
        params={"have": [f"sha256:{'1' * 64}"], "with": ["zstd", "zlib"]},
    )

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    offer = Offer.from_bytes(answer.content)
    assert [file.whole.digest for file in offer.files] == [package.digest, DIGEST]
    assert answer.headers["cache-control"] == "private, no-cache"


def test_an_offer_of_a_package_that_is_not_there_is_not_found(server: ApiServer) -> None:
    answer = httpx.get(f"{server.url}/api/v1/blobs/sha256:{'0' * 64}/offer")

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"have": ["sha256:abc"]},
        {"have": [f"sha256:{number:064x}" for number in range(5)]},
        {"with": ["../etc"]},
        {"with": ["zstd"] * 9},
    ],
)
def test_what_a_device_cannot_have_is_refused(
    server: ApiServer, query: dict[str, list[str]]
) -> None:
    answer = httpx.get(f"{server.url}/api/v1/blobs/{DIGEST}/offer", params=query)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["trust/2.root.json", f"sha256:{'0' * 64}"])
def test_a_page_of_another_site_sees_why_it_gets_nothing(server: ApiServer, path: str) -> None:
    answer = httpx.get(f"{server.url}/api/v1/blobs/{path}")

    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
