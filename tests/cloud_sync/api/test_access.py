"""Tokens with roles, and the record of who did what."""

from pathlib import Path

import pytest

from cloud_sync.access_desk import AccessDesk
from cloud_sync.api.app import create_app
from cloud_sync.core.access import Role
from edge_contract.errors import UsageError
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.memory_office import MemoryOffice
from tests.support.views import device


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def tokens(memory_cloud: MemoryCloud) -> dict[str, str]:
    """A token of each role."""
    memory_cloud.put_device(device("cam-1"))
    return {
        role.value: memory_cloud.access.create(
            f"{role.value}-1", role=role, expires_s=None, by="test"
        ).secret
        for role in (Role.ADMIN, Role.OPERATOR, Role.VIEWER)
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "allowed"),
    [
        ("GET", "/devices", None, {"viewer", "operator", "admin"}),
        ("GET", "/me", None, {"viewer", "operator", "admin"}),
        ("POST", "/commands", {"name": "ping"}, {"operator", "admin"}),
        ("PUT", "/groups/all", {"filter": "cpus > 0"}, {"operator", "admin"}),
        ("GET", "/audit", None, {"operator", "admin"}),
        ("GET", "/tokens", None, {"admin"}),
        ("POST", "/tokens", {"label": "bob"}, {"admin"}),
        ("POST", "/tokens/000000000000/revoke", None, {"admin"}),
    ],
)
def test_each_role_may_do_its_part(
    api: AppClient,
    tokens: dict[str, str],
    method: str,
    path: str,
    body: object,
    allowed: set[str],
) -> None:
    answers = {
        role: api.ask(method, path, json=body, headers=bearer(token))
        for role, token in tokens.items()
    }
    nobody = api.ask(method, path, json=body)

    assert {role for role, answer in answers.items() if answer.status_code != 403} == allowed
    assert nobody.status_code == 401
    for answer in answers.values():
        if answer.status_code == 403:
            assert "needs the role" in answer.json()["detail"]


def test_the_secret_of_a_token_is_told_once_and_kept_nowhere(
    api: AppClient, memory_cloud: MemoryCloud, tokens: dict[str, str]
) -> None:
    admin = bearer(tokens["admin"]) | {"Idempotency-Key": "k-1"}
    made = api.post("/tokens", json={"label": "anna", "role": "operator"}, headers=admin).json()

    listed = api.get("/tokens", headers=admin).json()["items"]
    me = api.get("/me", headers=bearer(made["secret"])).json()

    assert me == {"name": "anna", "role": "operator", "scopes": []}
    assert listed[-1] == made["token"]
    kept = memory_cloud.kept_answers.tokens()[-1]
    assert made["secret"].rpartition("_")[2] not in repr(vars(memory_cloud.kept_answers))
    assert len(kept.secret_hash) == 64


def test_a_revoked_token_opens_nothing(api: AppClient, tokens: dict[str, str]) -> None:
    admin = bearer(tokens["admin"])
    viewer_id = tokens["viewer"].split("_")[1]

    revoked = api.post(f"/tokens/{viewer_id}/revoke", headers=admin)

    assert revoked.json()["state"] == "revoked"
    assert api.get("/devices", headers=bearer(tokens["viewer"])).status_code == 401


def test_the_last_admin_cannot_lock_everybody_out(api: AppClient, tokens: dict[str, str]) -> None:
    admin_id = tokens["admin"].split("_")[1]

    refused = api.post(f"/tokens/{admin_id}/revoke", headers=bearer(tokens["admin"]))

    assert refused.status_code == 409
    assert "nobody could give tokens any more" in refused.json()["detail"]


def test_what_is_done_is_recorded_with_the_name_of_whose_token_it_was(
    api: AppClient, tokens: dict[str, str]
) -> None:
    api.post("/commands", json={"name": "ping"}, headers=bearer(tokens["operator"]))

    (line,) = api.get("/audit?action=command", headers=bearer(tokens["admin"])).json()["items"]

    assert line["action"] == "command.ping"
    assert line["by"] == "operator-1, api at 127.0.0.1"


def test_the_record_comes_newest_first_page_by_page(api: AppClient) -> None:
    for name in ("a", "b", "c"):
        api.ask("PUT", f"/groups/{name}", json={"filter": "cpus > 0"})

    first = api.get("/audit?limit=2").json()
    rest = api.get(f"/audit?limit=2&before={first['next']}").json()

    assert [line["subject"] for line in first["items"]] == ["c", "b"]
    assert [line["subject"] for line in rest["items"]] == ["a"]
    assert rest["next"] is None


def test_a_cloud_without_tokens_asks_nobody_and_its_first_token_is_an_admins(
    api: AppClient,
) -> None:
    before = api.get("/devices")
    viewer = api.post("/tokens", json={"label": "bob"})
    admin = api.post("/tokens", json={"label": "bob", "role": "admin"})

    after = api.get("/devices")

    assert (before.status_code, viewer.status_code) == (200, 409)
    assert "the first token must be an admin's" in viewer.json()["detail"]
    assert (admin.status_code, after.status_code) == (201, 401)


def test_a_token_expires() -> None:
    now_s = [1000.0]
    desk = AccessDesk(MemoryOffice(), admin_token="", note=lambda *_: None, clock=lambda: now_s[0])
    desk.create("root", role=Role.ADMIN, expires_s=None, by="test")
    token = desk.create("anna", role=Role.VIEWER, expires_s=60.0, by="test").secret

    before = desk.identify(token)
    now_s[0] = 1060.0

    assert before is not None
    assert desk.identify(token) is None
    assert {view.label: view.state for view in desk.tokens()} == {
        "root": "valid",
        "anna": "expired",
    }


@pytest.mark.parametrize("change", ["", "x", "ef_", "ef_000000000000_" + "A" * 43])
def test_what_is_no_token_of_ours_opens_nothing(change: str) -> None:
    desk = AccessDesk(MemoryOffice(), admin_token="", note=lambda *_: None)
    token = desk.create("root", role=Role.ADMIN, expires_s=None, by="test").secret

    assert desk.identify(change) is None
    assert desk.identify(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert desk.identify(token) is not None


def test_a_label_that_cannot_be_printed_is_refused() -> None:
    desk = AccessDesk(MemoryOffice(), admin_token="", note=lambda *_: None)

    with pytest.raises(UsageError, match="characters that can be printed"):
        desk.create("a\nb", role=Role.ADMIN, expires_s=None, by="test")


def test_the_token_of_whoever_runs_the_cloud_is_an_admins(tmp_path: Path) -> None:
    cloud = MemoryCloud(tmp_path, token="s3cret")
    api = AppClient(create_app(cloud), prefix="/api/v1")

    made = api.post("/tokens", json={"label": "bob"}, headers=bearer("s3cret"))

    assert made.status_code == 201
    assert api.get("/devices").status_code == 401
