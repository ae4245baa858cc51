import pytest

from cloud_sync.backend import CloudBackend
from tests.support.asgi import AppClient
from tests.support.tiny_package import tiny_package


@pytest.fixture(autouse=True)
def two_versions(backend: CloudBackend) -> None:
    for version in ("1.0.0", "1.1.0"):
        package = tiny_package("digits", version, model=version.encode())
        backend.push(package.to_archive(), by="test")


def test_a_rollout_starts_with_what_was_ordered(api: AppClient) -> None:
    order = {
        "model": "digits",
        "version": "1.1.0",
        "strategy": "canary",
        "steps": [0.1, 0.5, 1],
        "approval": True,
    }

    started = api.post("/rollouts", json=order)

    rollout = started.json()
    assert started.status_code == 201
    assert started.headers["location"] == f"/api/v1/rollouts/{rollout['rollout_id']}"
    assert (rollout["model"], rollout["version"]) == ("digits", "1.1.0")
    assert rollout["previous"] == "1.0.0"
    assert rollout["ended_unix_s"] is None


def test_the_history_says_who_did_what(api: AppClient) -> None:
    order = {"model": "digits", "version": "1.1.0"}

    started = api.post("/rollouts", json=order, headers={"X-Edgefleet-Client": "cli"})
    paused = api.post("/rollouts/latest/pause", headers={"X-Edgefleet-Client": "<script>"})

    assert started.json()["events"][0]["sentence"] == "started by cli at 127.0.0.1"
    assert paused.json()["sentence"] == "pause by api at 127.0.0.1"


def test_a_rollout_is_paused_and_goes_on(api: AppClient) -> None:
    started = api.post("/rollouts", json={"model": "digits", "version": "1.1.0"}).json()
    path = f"/rollouts/{started['rollout_id']}"

    paused = api.post(f"{path}/pause")
    resumed = api.post(f"{path}/resume")

    assert (paused.status_code, paused.json()["state"]) == (200, "paused")
    assert (resumed.status_code, resumed.json()["state"]) == (200, "running")
    assert api.get(path).json() == resumed.json()


def test_what_the_state_does_not_allow_is_a_conflict(api: AppClient) -> None:
    api.post("/rollouts", json={"model": "digits", "version": "1.1.0"})
    api.post("/rollouts/latest/abort")

    refused = api.post("/rollouts/latest/pause")

    assert refused.status_code == 409
    assert "'pause' refused" in refused.json()["detail"]


def test_a_second_rollout_of_the_same_model_is_a_conflict(api: AppClient) -> None:
    api.post("/rollouts", json={"model": "digits", "version": "1.1.0"})

    refused = api.post("/rollouts", json={"model": "digits", "version": "1.0.0"})

    assert refused.status_code == 409


def test_rollouts_are_listed_newest_first(api: AppClient) -> None:
    first = api.post("/rollouts", json={"model": "digits", "version": "1.1.0"}).json()
    api.post("/rollouts/latest/abort")
    second = api.post("/rollouts", json={"model": "digits", "version": "1.0.0"}).json()

    listed = api.get("/rollouts").json()["items"]
    newest = api.get("/rollouts?limit=1").json()["items"]

    ids = [rollout["rollout_id"] for rollout in listed]
    assert ids == [second["rollout_id"], first["rollout_id"]]
    assert [rollout["rollout_id"] for rollout in newest] == [second["rollout_id"]]


def test_an_unknown_rollout_is_not_found(api: AppClient) -> None:
    assert api.get("/rollouts/r99").status_code == 404
    assert api.post("/rollouts/r99/pause").status_code == 404
    assert api.get("/rollouts/latest").status_code == 404


def test_an_unknown_version_is_not_found(api: AppClient) -> None:
    refused = api.post("/rollouts", json={"model": "digits", "version": "9.9.9"})

    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("steps", [0.5, 0.1, 1.0], "steps must rise, got [0.5, 0.1, 1.0]"),
        ("steps", [0.5, 1.5], "less than or equal to 1"),
        ("steps", [0.0, 1.0], "greater than 0"),
        ("steps", "all", "valid list"),
        ("bake_s", -1, "greater than or equal to 0"),
        ("min_rows", 0.5, "valid integer"),
        ("model", "no/slash", "model name 'no/slash' is not allowed"),
        ("version", "latest", "not a semantic version"),
        ("strategy", "Canary!", "match pattern"),
        ("percent", 10, "not permitted"),
    ],
)
def test_an_order_of_the_wrong_form_is_refused_with_the_field(
    api: AppClient, field: str, value: object, words: str
) -> None:
    order = {"model": "digits", "version": "1.1.0", field: value}

    refused = api.post("/rollouts", json=order)

    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["where"].startswith(f"body.{field}")
    assert words in error["what"]


def test_an_unknown_action_is_refused_with_the_known_ones(api: AppClient) -> None:
    refused = api.post("/rollouts/latest/explode")

    assert refused.status_code == 422
    assert "'pause', 'resume', 'abort', 'rollback' or 'approve'" in refused.json()["detail"]
