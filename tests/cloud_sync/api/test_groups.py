"""Groups of devices, and devices by filter."""

import pytest

from tests.support.asgi import AppClient
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import device

OSLO = {"filter": 'tag.site == "oslo"', "description": "the north"}


@pytest.fixture(autouse=True)
def fleet(memory_cloud: MemoryCloud) -> MemoryCloud:
    for name, site in (("cam-1", "oslo"), ("cam-2", "bergen"), ("cam-3", "oslo")):
        memory_cloud.put_device(device(name, tags={"site": site}))
    return memory_cloud


def names(answer: object) -> list[str]:
    match answer:
        case {"items": list(items)}:
            return [item["name"] for item in items]
        case _:
            raise AssertionError(answer)


def test_devices_are_found_by_filter_and_page_by_page(api: AppClient) -> None:
    first = api.get("/devices?filter=tag.site == %22oslo%22&limit=1").json()
    rest = api.get(f"/devices?filter=tag.site == %22oslo%22&after={first['next']}").json()

    assert names(first) == ["cam-1"]
    assert names(rest) == ["cam-3"]
    assert rest["next"] is None


def test_a_wrong_filter_is_told_with_its_column(api: AppClient) -> None:
    refused = api.get("/devices?filter=sit == 3")

    assert refused.status_code == 422
    assert refused.json()["type"] == "/api/v1/problems/invalid-filter"
    assert "at column 1: field 'sit' is unknown" in refused.json()["detail"]


def test_a_group_of_a_filter_has_whoever_it_describes_at_any_time(
    api: AppClient, fleet: MemoryCloud
) -> None:
    made = api.ask("PUT", "/groups/north", json=OSLO)
    fleet.put_device(device("cam-9", tags={"site": "oslo"}))

    grown = api.get("/groups/north").json()

    assert made.status_code == 200
    assert (made.json()["kind"], made.json()["size"], grown["size"]) == ("dynamic", 2, 3)
    assert names(api.get("/devices?group=north").json()) == ["cam-1", "cam-3", "cam-9"]


def test_a_group_of_names_may_list_devices_that_never_connected(api: AppClient) -> None:
    made = api.ask("PUT", "/groups/pilot", json={"devices": ["cam-9", "cam-2"]}).json()

    assert (made["kind"], made["size"], made["devices"]) == ("static", 1, ["cam-2", "cam-9"])
    assert names(api.get("/devices?group=pilot").json()) == ["cam-2"]


@pytest.mark.parametrize(
    ("order", "status", "detail"),
    [
        ({}, 409, "needs a filter or a list of devices, got neither"),
        ({"filter": "cpus > 1", "devices": ["cam-1"]}, 409, "got both"),
        ({"filter": "cpus >"}, 422, "at column 7: it ends here"),
        ({"devices": ["no name"]}, 422, "device name 'no name' is not allowed"),
        ({"fliter": "cpus > 1"}, 422, "fliter"),
        ({"filter": "cpus>1" + " or cpus>1" * 199}, 422, "written out in full"),
        ({"filter": 'tag.x == "a\x00b"'}, 422, "column 12: '\\x00' is no letter"),
        ({"filter": "cpus > 1", "description": "a\x00b"}, 409, "holds what is no letter"),
    ],
)
def test_a_group_that_makes_no_sense_is_refused(
    api: AppClient, order: dict[str, object], status: int, detail: str
) -> None:
    refused = api.ask("PUT", "/groups/pilot", json=order)

    assert refused.status_code == status
    assert detail in refused.json()["detail"]
    assert api.get("/groups").json()["items"] == []


def test_a_group_is_deleted_once(api: AppClient) -> None:
    api.ask("PUT", "/groups/north", json=OSLO)

    first = api.ask("DELETE", "/groups/north")
    second = api.ask("DELETE", "/groups/north")

    assert (first.status_code, first.content, second.status_code) == (204, b"", 404)
    assert api.get("/devices?group=north").status_code == 404


def test_nobody_overwrites_a_group_that_he_has_not_seen(api: AppClient) -> None:
    api.ask("PUT", "/groups/north", json=OSLO)
    seen = api.get("/groups/north").headers["etag"]
    other = api.ask("PUT", "/groups/north", json={"devices": ["cam-1"]})

    late = api.ask("PUT", "/groups/north", json=OSLO, headers={"If-Match": seen})
    made_twice = api.ask("PUT", "/groups/north", json=OSLO, headers={"If-None-Match": "*"})
    fresh = api.get("/groups/north").headers["etag"]
    in_time = api.ask("PUT", "/groups/north", json=OSLO, headers={"If-Match": f'"x", {fresh}'})
    missing = api.ask("DELETE", "/groups/south", headers={"If-Match": "*"})

    assert other.status_code == 200
    assert (late.status_code, made_twice.status_code) == (412, 412)
    assert "read it again" in late.json()["detail"]
    assert in_time.status_code == 200
    assert missing.status_code == 412


def test_who_changed_groups_stands_in_the_record(api: AppClient) -> None:
    api.ask("PUT", "/groups/north", json=OSLO)
    api.ask("DELETE", "/groups/north")

    lines = api.get("/audit?action=group").json()["items"]

    assert [(line["action"], line["subject"]) for line in lines] == [
        ("group.delete", "north"),
        ("group.put", "north"),
    ]
    assert lines[1]["detail"] == {"filter": 'tag.site == "oslo"'}
