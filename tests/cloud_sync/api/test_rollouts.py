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
        ("steps", [{"count": 5, "fraction": 0.5}], "a fraction or a count of devices, not both"),
        ("steps", [{"count": 5, "percent": 0.5}], "not permitted"),
        ("gates", {"drift": {"on_fail": "cry"}}, "'pause', 'abort' or 'rollback'"),
        ("gates", {"drift": {"share": 2}}, "less than or equal to 1"),
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
    assert (
        "'pause', 'resume', 'retry', 'abort', 'rollback' or 'approve'" in refused.json()["detail"]
    )


def test_steps_have_sizes_times_and_rules_of_their_own(api: AppClient) -> None:
    steps = [
        {"count": 5, "bake_s": 60, "gates": {"drift": {"on_fail": "pause", "share": 0.1}}},
        {"fraction": 0.5, "approval": True},
        1,
    ]
    order = {"model": "digits", "version": "1.1.0", "shadow": False, "steps": steps}

    found = api.post("/rollouts/preview", json=order).json()

    assert [stage["name"] for stage in found["stages"]] == [
        "canary 5 devices",
        "canary 50%",
        "canary 100%",
    ]
    assert found["plan"]["steps"][0]["gates"]["drift"]["on_fail"] == "pause"
    assert found["plan"]["steps"][1]["approval"] is True


def test_a_preview_starts_nothing(api: AppClient) -> None:
    found = api.post("/rollouts/preview", json={"model": "digits", "version": "1.1.0"})

    assert found.status_code == 200
    assert found.json()["problems"] == ["there is no device yet"]
    assert api.get("/rollouts").json()["items"] == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"windows": ["at night"]}, "maintenance window 'at night' is none"),
        ({"time_zone": "Mars/Olympus"}, "there is no time zone 'Mars/Olympus'"),
        ({"steps": [0.1, 0.5]}, "canary steps must rise and end at 1.0, got 10%, 50%"),
        ({"gates": {"luck": {}}}, "gate 'luck' is asked in no stage of canary"),
        ({"gates": {"safety": {"off": True}}}, "gate 'safety' is always asked"),
        ({"detect": 0.02, "margin": 0.05}, "margin must be below detect"),
    ],
)
def test_a_plan_whose_parts_do_not_fit_says_which(
    api: AppClient, fields: dict[str, object], words: str
) -> None:
    refused = api.post("/rollouts", json={"model": "digits", "version": "1.1.0", **fields})

    assert refused.status_code == 409
    assert words in refused.json()["detail"]


@pytest.mark.parametrize(
    "fields",
    [{"min_rows": True}, {"supersede": "yes"}, {"detect": "0.1"}, {"steps": [0.1, True]}],
)
def test_a_field_of_another_type_is_refused_and_not_read_as_something(
    api: AppClient, fields: dict[str, object]
) -> None:
    refused = api.post("/rollouts", json={"model": "digits", "version": "1.1.0", **fields})

    assert refused.status_code == 422
    assert api.get("/rollouts").json()["items"] == []
