"""A token may be held to parts of the API: it reaches those by its role, and nothing else."""

from pathlib import Path

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.api.doors import API, may_reach
from cloud_sync.core.access import Identity, Role, Scope
from edge_contract.errors import UsageError
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud

OPEN = ("blobs", "enrolment", "health", "uploads")
NOBODYS = ("events", "me", "openapi.json", "problems", "summary")


@pytest.fixture
def cloud(tmp_path: Path) -> MemoryCloud:
    cloud = MemoryCloud(tmp_path)
    cloud.access.create("root", role=Role.ADMIN, expires_s=None, by="test")
    return cloud


def held(cloud: MemoryCloud, *scopes: Scope, role: Role = Role.OPERATOR) -> dict[str, str]:
    made = cloud.access.create("ci", role=role, scopes=frozenset(scopes), expires_s=None, by="test")
    return {"Authorization": f"Bearer {made.secret}", "accept": "*/*"}


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/api/v1/models", Scope.MODELS),
        ("POST", "/api/v1/models", Scope.MODELS),
        ("POST", "/api/v1/trust/timestamp", Scope.MODELS),
        ("GET", "/api/v1/rollouts", Scope.ROLLOUTS),
        ("POST", "/api/v1/pins", Scope.ROLLOUTS),
        ("GET", "/api/v1/devices", Scope.DEVICES),
        ("POST", "/api/v1/commands", Scope.DEVICES),
        ("POST", "/api/v1/join-tokens", Scope.DEVICES),
        ("GET", "/api/v1/alarms", Scope.ALARMS),
        ("GET", "/api/v1/samples", Scope.SAMPLES),
        ("POST", "/api/v1/labels", Scope.SAMPLES),
        ("GET", "/api/v1/audit", Scope.ACCESS),
        ("GET", "/metrics", Scope.METRICS),
    ],
)
def test_a_token_reaches_what_it_is_held_to_alone(
    cloud: MemoryCloud, method: str, path: str, scope: Scope
) -> None:
    site = AppClient(create_app(cloud))
    others = [one for one in Scope if one is not scope]

    inside = site.ask(method, path, headers=held(cloud, scope))
    outside = site.ask(method, path, headers=held(cloud, *others))

    assert inside.status_code not in (401, 403)
    assert outside.status_code == 403
    assert "is held to" in outside.json()["detail"]


def test_its_role_counts_within_and_pages_are_for_whole_tokens(cloud: MemoryCloud) -> None:
    site = AppClient(create_app(cloud))
    viewer = held(cloud, Scope.DEVICES, role=Role.VIEWER)

    assert site.get("/api/v1/devices", headers=viewer).status_code == 200
    assert site.post("/api/v1/commands", json={"name": "ping"}, headers=viewer).status_code == 403
    assert site.get("/", headers=viewer).status_code == 403
    assert site.get("/api/v1/me", headers=viewer).json() == {
        "name": "ci",
        "role": "viewer",
        "scopes": ["devices"],
    }


def test_every_address_is_in_one_scope_or_for_all(cloud: MemoryCloud) -> None:
    parts = {path.split("/")[3] for path in create_app(cloud).openapi()["paths"]}
    asked = parts - set(OPEN)

    reached = {
        scope: {
            part
            for part in asked
            if may_reach(Identity("ci", Role.ADMIN, frozenset({scope})), f"{API}/{part}/x")
        }
        for scope in Scope
    }

    assert set.union(*reached.values()) == asked
    assert set.intersection(*reached.values()) == asked & set(NOBODYS)


def test_somebody_can_always_give_tokens(tmp_path: Path, cloud: MemoryCloud) -> None:
    with pytest.raises(UsageError, match="must be an admin's, got admin held to models"):
        MemoryCloud(tmp_path / "fresh").access.create(
            "ci", role=Role.ADMIN, scopes=frozenset({Scope.MODELS}), expires_s=None, by="test"
        )
    held(cloud, Scope.MODELS, role=Role.ADMIN)
    [root] = [view for view in cloud.access.tokens() if view.label == "root"]
    with pytest.raises(UsageError, match="the last one of an admin"):
        cloud.access.revoke(root.token_id, by="test")
