"""Commands to groups and filters, and how far they are."""

import pytest

from edge_contract.messages import CommandResult
from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import device


@pytest.fixture(autouse=True)
def fleet(memory_cloud: MemoryCloud) -> MemoryCloud:
    for name, site in (("cam-1", "oslo"), ("cam-2", "bergen"), ("cam-3", "oslo")):
        memory_cloud.put_device(device(name, tags={"site": site}))
    return memory_cloud


def test_a_command_goes_to_whoever_is_in_the_group_and_described(api: AppClient) -> None:
    api.ask("PUT", "/groups/pilot", json={"devices": ["cam-1", "cam-2"]})

    sent = api.post(
        "/commands", json={"name": "ping", "group": "pilot", "filter": 'tag.site == "oslo"'}
    ).json()

    assert sent["devices"] == ["cam-1"]
    assert sent["audience"] == 'group pilot where tag.site == "oslo"'


@pytest.mark.parametrize(
    ("order", "status", "detail"),
    [
        (
            {"filter": "cpus > 1000"},
            409,
            "no device is now meant by 'all devices where cpus > 1000'",
        ),
        ({"group": "nobody"}, 404, "there is no group 'nobody'"),
        ({"devices": ["cam-9"]}, 404, "there is no device 'cam-9'"),
        ({"filter": "cpus > "}, 422, "column 8"),
        ({"arguments": {"n": 2**60}}, 422, "not exact in JavaScript"),
        ({"arguments": {"why": "a\x00b"}}, 422, "holds a NUL"),
        ({"arguments": {"a\x00b": 1}}, 422, "holds a NUL"),
    ],
)
def test_a_command_to_nobody_is_refused(
    api: AppClient, order: dict[str, object], status: int, detail: str
) -> None:
    refused = api.post("/commands", json={"name": "ping", **order})

    assert refused.status_code == status
    assert detail in refused.json()["detail"]


def test_a_command_counts_its_devices_by_state(api: AppClient, fleet: MemoryCloud) -> None:
    api.post("/commands", json={"name": "restart"})
    fleet.answer("c1", "cam-1", ok=True, detail="life 4")
    fleet.answer("c1", "cam-2", ok=False, detail="no")
    fleet.commands.answer(CommandResult("cam-3", "c1", ok=True, detail="on it", final=False))

    brief = api.get("/commands/c1?brief=true").json()
    failed = api.get("/commands/c1/devices?state=failed").json()
    first = api.get("/commands/c1/devices?limit=2").json()
    rest = api.get(f"/commands/c1/devices?after={first['next']}").json()

    assert brief["counts"] == {
        "waiting": 0,
        "accepted": 1,
        "done": 1,
        "failed": 1,
        "timed_out": 0,
    }
    assert (brief["state"], brief["devices"], brief["results"]) == ("running", [], {})
    assert failed["items"] == [{"device": "cam-2", "state": "failed", "detail": "no"}]
    assert rest["items"] == [{"device": "cam-3", "state": "accepted", "detail": "on it"}]


def test_commands_are_listed_newest_first_page_by_page(api: AppClient) -> None:
    for name in ("ping", "report", "introduce"):
        api.post("/commands", json={"name": name})

    first = api.get("/commands?limit=2").json()
    rest = api.get(f"/commands?limit=2&after={first['next']}").json()

    assert [item["name"] for item in first["items"]] == ["introduce", "report"]
    assert [item["name"] for item in rest["items"]] == ["ping"]
    assert rest["next"] is None
