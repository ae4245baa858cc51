"""Samples come in with a ticket, go out to operators, and labels count once."""

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.api.settings import ApiSettings
from edge_contract.samples import MAX_PARCEL_BYTES
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import alarm

ID = "3eb89bddda5b.OF6r0BcoRg8AAAABAAAAAAAAQAAAAIA_"


@pytest.fixture
def guarded(memory_cloud: MemoryCloud) -> AppClient:
    app = create_app(memory_cloud, settings=ApiSettings(token="s3cret"))
    return AppClient(app, prefix="/api/v1")


def bring(api: AppClient, *, ticket: str = "right", content: bytes = b"[]") -> int:
    headers = {"Content-Type": "application/json", "X-Edgefleet-Ticket": ticket}
    path = "/uploads/c1/cam-1/0"
    return api.ask("PUT", path, content=content, headers=headers).status_code


def test_a_device_brings_samples_with_its_ticket_and_no_token(guarded: AppClient) -> None:
    assert bring(guarded) == 204
    assert bring(guarded, ticket="guessed") == 404
    assert bring(guarded, content=b"x") == 422
    assert bring(guarded, content=bytes(MAX_PARCEL_BYTES + 1)) == 413
    assert guarded.get("/samples").status_code == 401


def test_samples_are_listed_fetched_and_removed(api: AppClient) -> None:
    bring(api, content=b"[1]")

    listed = api.get("/samples").json()
    others = api.get("/samples?model=gate").json()
    name = listed["items"][0]["name"]
    fetched = api.get(f"/samples/{name}")
    removed = api.ask("DELETE", f"/samples/{name}")

    assert name == "digits/1.0.0/c1-cam-1-0000.parquet"
    assert others == {"items": [], "next": None}
    assert (fetched.status_code, fetched.content) == (200, b"[1]")
    assert fetched.headers["content-type"] == "application/vnd.apache.parquet"
    assert removed.status_code == 204
    assert api.get(f"/samples/{name}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/samples/../x/y.parquet", "/samples/a/b/c.txt", "/samples/a/b/..%2f..%2fpasswd"]
)
def test_no_other_file_can_be_had(api: AppClient, path: str) -> None:
    assert api.get(path).status_code in (404, 422)


@pytest.mark.parametrize(
    "label",
    [
        {"prediction_id": ID},
        {"prediction_id": "", "truth": 1},
        {"prediction_id": ID, "truth": True},
        {"prediction_id": ID, "truth": None},
        {"prediction_id": ID, "truth": {"a": 1}},
        {"prediction_id": ID, "truth": 10**400},
        {"prediction_id": ID, "truth": 1, "more": 2},
    ],
)
def test_labels_of_another_form_are_refused(api: AppClient, label: dict[str, object]) -> None:
    assert api.post("/labels", json={"labels": [label]}).status_code == 422


def test_everybody_sees_who_looks_after_an_alarm(memory_cloud: MemoryCloud, api: AppClient) -> None:
    memory_cloud.raise_alarm(alarm("a-1"))

    found = api.post("/alarms/a-1/acknowledge", json={"note": "the lamp is broken"}).json()
    again = api.get("/alarms/a-1").json()
    missing = api.post("/alarms/a-2/acknowledge", json={})
    odd = api.post("/alarms/a-1/acknowledge", json={"note": "\x00"})

    assert found["acknowledged_by"].startswith("api at")
    assert again["note"] == "the lamp is broken"
    assert (missing.status_code, odd.status_code) == (404, 422)
