import pytest

from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.tiny_package import tiny_package
from tests.support.views import alarm, device


def test_the_summary_counts_the_fleet(api: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.put_device(device("cam-01", rows=500))
    memory_cloud.put_device(device("cam-02", rows=700, status="unreachable"))

    summary = api.get("/summary").json()

    assert summary["fleet"] == "lab"
    assert (summary["devices"], summary["online"]) == (2, 1)
    assert summary["rows_merged"] == 1200


def test_devices_come_page_by_page(api: AppClient, memory_cloud: MemoryCloud) -> None:
    for name in ("cam-03", "cam-01", "cam-02"):
        memory_cloud.put_device(device(name))

    first = api.get("/devices?limit=2").json()
    second = api.get(f"/devices?limit=2&after={first['next']}").json()

    assert [item["name"] for item in first["items"]] == ["cam-01", "cam-02"]
    assert first["next"] == "cam-02"
    assert [item["name"] for item in second["items"]] == ["cam-03"]
    assert second["next"] is None


def test_a_full_last_page_promises_no_further_one(
    api: AppClient, memory_cloud: MemoryCloud
) -> None:
    memory_cloud.put_device(device("cam-01"))
    memory_cloud.put_device(device("cam-02"))

    page = api.get("/devices?limit=2").json()

    assert len(page["items"]) == 2
    assert page["next"] is None


def test_devices_are_chosen_by_status(api: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.put_device(device("cam-01", status="offline"))
    memory_cloud.put_device(device("cam-02"))

    offline = api.get("/devices?status=offline").json()

    assert [item["name"] for item in offline["items"]] == ["cam-01"]


def test_a_device_shows_what_it_reports(api: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.put_device(device("cam-01", version="1.1.0"))

    shown = api.get("/devices/cam-01").json()

    assert shown["status"] == "online"
    assert shown["models"]["digits"]["version"] == "1.1.0"
    assert shown["models"]["digits"]["slots"][0]["state"] == "active"
    assert shown["tags"] == {"site": "oslo"}


def test_an_unknown_device_is_not_found(api: AppClient) -> None:
    missing = api.get("/devices/cam-99")

    assert missing.status_code == 404
    assert missing.json()["detail"] == "no device 'cam-99' in fleet 'lab'"


@pytest.mark.parametrize(
    "path",
    [
        "/devices?limit=0",
        "/devices?limit=1001",
        "/devices?limit=many",
        "/devices?status=asleep",
        "/devices?after=a/b",
        "/devices/no%20spaces",
        "/devices/%ff",
        "/alarms?model=a%00b",
    ],
)
def test_a_question_of_the_wrong_form_is_invalid(api: AppClient, path: str) -> None:
    refused = api.get(path)

    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"


def test_alarms_are_listed_by_model(api: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.raise_alarm(alarm("a1", model="digits"))
    memory_cloud.raise_alarm(alarm("a2", model="faces"))

    everything = api.get("/alarms").json()["items"]
    of_digits = api.get("/alarms?model=digits").json()["items"]

    assert [item["alarm_id"] for item in everything] == ["a2", "a1"]
    assert [item["alarm_id"] for item in of_digits] == ["a1"]
    assert of_digits[0]["devices"] == ["cam-03", "cam-04"]


def test_a_command_collects_its_answers(api: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.put_device(device("cam-01"))
    order = {"name": "set-interval", "arguments": {"seconds": 5}, "devices": ["cam-01"]}

    sent = api.post("/commands", json=order)
    command_id = sent.json()["command_id"]
    memory_cloud.answer(command_id, "cam-01", ok=True, detail="every 5 s")
    answered = api.get(f"/commands/{command_id}").json()

    assert sent.status_code == 202
    assert sent.headers["location"] == f"/api/v1/commands/{command_id}"
    assert sent.json()["results"] == {}
    assert answered["arguments"] == {"seconds": 5}
    assert answered["results"] == {"cam-01": {"ok": True, "detail": "every 5 s"}}


def test_a_command_without_devices_goes_to_all(api: AppClient, memory_cloud: MemoryCloud) -> None:
    memory_cloud.put_device(device("cam-01"))
    memory_cloud.put_device(device("cam-02"))

    sent = api.post("/commands", json={"name": "ping"})

    assert sent.json()["devices"] == ["cam-01", "cam-02"]


def test_a_command_to_an_unknown_device_is_not_found(api: AppClient) -> None:
    refused = api.post("/commands", json={"name": "ping", "devices": ["cam-99"]})

    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b"\xff", 400),
        (b'{"name": "ping", "expires_s": 0}', 422),
        (b'{"name": "ping", "expires_s": 1e999}', 422),
        (b'{"name": "Ping!"}', 422),
        (b'{"name": "ping", "devices": ["a b"]}', 422),
        (b'{"name": "ping", "arguments": {"x": NaN}}', 422),
        (b'{"name": "ping", "arguments": {"x": "\\ud800"}}', 422),
        (b'{"name": "ping", "arguments": {"\\ud800": 1}}', 422),
        (b'{"name": "ping", "arguments": {"x": ' + b"[" * 20 + b"]" * 20 + b"}}", 422),
        (b'{"name": "ping", "arguments": {"x": ' + b"9" * 9000 + b"}}", 400),
    ],
)
def test_a_body_that_is_wrong_is_refused_without_a_fault(
    api: AppClient, body: bytes, status: int
) -> None:
    refused = api.post("/commands", content=body, headers={"content-type": "application/json"})

    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"


def test_a_body_too_deep_for_the_parser_or_for_us_is_refused_alike(api: AppClient) -> None:
    deep = b'{"name": "ping", "arguments": {"x": ' + b"[" * 9000 + b"]" * 9000 + b"}}"

    refused = api.post("/commands", content=deep, headers={"content-type": "application/json"})

    assert refused.status_code in (400, 422)  # how deep the parser goes depends on Python
    assert refused.headers["content-type"] == "application/problem+json"


def test_alarms_come_page_by_page(api: AppClient, memory_cloud: MemoryCloud) -> None:
    for name in ("a1", "a2", "a3"):
        memory_cloud.raise_alarm(alarm(name))

    first = api.get("/alarms?limit=2").json()
    rest = api.get(f"/alarms?limit=2&after={first['next']}").json()
    nothing = api.get("/alarms?after=a9").json()

    assert [one["alarm_id"] for one in first["items"]] == ["a3", "a2"]
    assert [one["alarm_id"] for one in rest["items"]] == ["a1"]
    assert rest["next"] is None
    assert nothing == {"items": [], "next": None}


def test_devices_are_held_to_a_version_and_let_go(
    api: AppClient, memory_cloud: MemoryCloud
) -> None:
    memory_cloud.put_device(device("cam-1"))
    memory_cloud.put_device(device("cam-2"))
    memory_cloud.push(tiny_package("digits", "1.0.0").to_archive(), by="test")
    order = {"model": "digits", "version": "1.0.0", "filter": 'name == "cam-1"'}

    held = api.post("/pins", json=order)
    pins = api.get("/devices/cam-1").json()["pins"]
    gone = api.post("/pins", json={"model": "digits", "devices": ["cam-1"]})
    unknown = api.post("/pins", json={**order, "version": "9.0.0"})
    nobody = api.post("/pins", json={**order, "filter": "cpus > 1000"})

    assert held.json() == {"model": "digits", "version": "1.0.0", "devices": ["cam-1"]}
    assert pins == {"digits": "1.0.0"}
    assert gone.json()["version"] == ""
    assert api.get("/devices/cam-1").json()["pins"] == {}
    assert (unknown.status_code, nobody.status_code) == (404, 409)
    actions = [line["action"] for line in api.get("/audit").json()["items"]]
    assert actions[:2] == ["unpin", "pin"]
