"""Who is let through: hosts, web sites, tokens and sizes."""

import base64
from pathlib import Path

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.api.settings import ApiSettings
from edge_contract.package import digest_of
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.tiny_package import tiny_package

JSON = {"content-type": "application/json"}
PACKAGE = {"content-type": "application/octet-stream"}


def guarded(tmp_path: Path, settings: ApiSettings) -> AppClient:
    cloud = MemoryCloud(tmp_path)
    cloud.push(tiny_package(model=b"weights").to_archive(), by="test")
    return AppClient(create_app(cloud, settings=settings), prefix="/api/v1")


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "authorization",
    ["Bearer s3cret", "bearer s3cret", basic("anybody", "s3cret"), basic("", "s3cret")],
)
def test_the_token_opens_the_api(tmp_path: Path, authorization: str) -> None:
    api = guarded(tmp_path, ApiSettings(token="s3cret"))

    answer = api.get("/summary", headers={"Authorization": authorization})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer wrong",
        "Bearer s3cret2",
        "Digest s3cret",
        "s3cret",
        "Basic s3cret",
        "Basic !",
        basic("s3cret", ""),
        basic("anybody", "sécret"),
    ],
)
def test_without_the_token_nothing_is_told(tmp_path: Path, authorization: str) -> None:
    api = guarded(tmp_path, ApiSettings(token="s3cret"))

    answer = api.get("/summary", headers={"Authorization": authorization})

    assert answer.status_code == 401
    assert answer.json()["type"] == "/api/v1/problems/unauthorized"
    assert answer.headers["www-authenticate"] == 'Bearer realm="edgefleet"'


def test_health_and_model_files_need_no_token(tmp_path: Path) -> None:
    api = guarded(tmp_path, ApiSettings(token="s3cret"))

    health = api.get("/health")
    blob = api.get(f"/blobs/{digest_of(b'weights')}")

    assert health.status_code == 200
    assert blob.content == b"weights"


def test_another_web_site_cannot_give_orders(tmp_path: Path) -> None:
    api = guarded(tmp_path, ApiSettings())
    order = b'{"name": "ping"}'

    by_origin = api.post(
        "/commands", content=order, headers=JSON | {"Origin": "https://evil.example"}
    )
    by_fetch = api.post("/commands", content=order, headers=JSON | {"Sec-Fetch-Site": "cross-site"})
    own_page = api.post("/commands", content=order, headers=JSON | {"Origin": "http://app"})

    assert (by_origin.status_code, by_fetch.status_code) == (403, 403)
    assert own_page.status_code == 202


def test_a_foreign_name_for_this_address_is_not_answered(tmp_path: Path) -> None:
    api = guarded(tmp_path, ApiSettings(allowed_hosts=("localhost", "[::1]")))

    foreign = api.get("/summary", headers={"Host": "evil.example:8080"})
    own = api.get("/summary", headers={"Host": "localhost:8080"})
    own_ipv6 = api.get("/summary", headers={"Host": "[::1]:8080"})
    own_ipv6_without_port = api.get("/summary", headers={"Host": "[::1]"})

    assert foreign.status_code == 421
    assert (own.status_code, own_ipv6.status_code) == (200, 200)
    assert own_ipv6_without_port.status_code == 200


def test_a_package_above_the_bound_is_refused(tmp_path: Path) -> None:
    api = guarded(tmp_path, ApiSettings(max_package_bytes=1000))

    refused = api.post("/models", content=b"x" * 1001, headers=PACKAGE)
    read = api.post("/models", content=b"x" * 1000, headers=PACKAGE)

    assert refused.status_code == 413
    assert "1000 bytes" in refused.json()["detail"]
    assert read.status_code == 422


def test_other_bodies_have_a_bound_of_their_own(tmp_path: Path) -> None:
    api = guarded(tmp_path, ApiSettings(max_json_bytes=20))

    refused = api.post("/commands", content=b'{"name": "ping"}' + b" " * 20, headers=JSON)
    read = api.post("/commands", content=b'{"name": "ping"}', headers=JSON)

    assert refused.status_code == 413
    assert read.status_code == 202


def test_every_answer_tells_browsers_to_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    api = guarded(tmp_path, ApiSettings())

    for answer in (api.get("/summary"), api.get("/nowhere"), api.post("/commands")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
