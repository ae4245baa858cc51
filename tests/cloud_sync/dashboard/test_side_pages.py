"""The pages of a device, of commands, and of who did what."""

from pathlib import Path

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.api.settings import ApiSettings
from cloud_sync.backend import Audience
from tests.support.asgi import AppClient
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud


@pytest.fixture
def cloud(tmp_path: Path) -> MemoryCloud:
    return lived_cloud(tmp_path)


@pytest.fixture
def site(cloud: MemoryCloud) -> AppClient:
    return AppClient(create_app(cloud))


def sent(cloud: MemoryCloud, name: str) -> str:
    """The identifier of a command to everybody."""
    command = cloud.commands.send(
        name, {"lines": 5}, audience=Audience(), expires_s=60.0, timeout_s=60.0, by="anna"
    )
    return command.command_id


def test_a_device_shows_what_it_runs_what_it_is_and_what_it_answered(
    cloud: MemoryCloud, site: AppClient
) -> None:
    cloud.answer(sent(cloud, "collect-logs"), "cam-07", ok=True, detail="<b>all quiet</b>")

    page = site.get("/devices/cam-07").text

    assert "digits 1.1.0" in page
    assert "CPUExecutionProvider" in page
    assert '<a href="/commands/c1">collect-logs</a>' in page
    assert "&lt;b&gt;all quiet&lt;/b&gt;" in page
    assert 'data-command="restart" data-device="cam-07"' in page


def test_a_command_shows_its_devices_by_state(cloud: MemoryCloud, site: AppClient) -> None:
    command_id = sent(cloud, "ping")
    cloud.answer(command_id, "cam-03", ok=True)
    cloud.answer(command_id, "cam-04", ok=False, detail="no")

    every = site.get(f"/commands/{command_id}").text
    failed = site.get(f"/commands/{command_id}?state=failed").text
    listed = site.get("/commands").text

    assert "20 devices: 18 waiting, 1 done, 1 failed" in every
    assert "cam-04" in failed
    assert "cam-03" not in failed
    assert f'<a href="/commands/{command_id}">ping</a>' in listed


def test_the_record_is_shown_by_kind_and_page_by_page(cloud: MemoryCloud, site: AppClient) -> None:
    for number in range(60):
        sent(cloud, f"look-{number}")
    cloud.groups.put("oslo", filter_text="boots > 0", devices=(), description="", by="bob")

    newest = site.get("/audit").text
    groups = site.get("/audit?action=group").text
    earlier = site.get("/audit?action=command&before=11").text

    assert "group.put" in newest
    assert "command.look-59" in newest
    assert 'href="/audit?before=' in newest
    assert "command" not in groups.partition("<tbody>")[2]
    assert "command.look-9" in earlier
    assert "command.look-10" not in earlier


@pytest.mark.parametrize("path", ["/devices/cam-99", "/commands/c9", "/parts/devices/cam-99"])
def test_what_is_not_there_is_said_to_be_so(site: AppClient, path: str) -> None:
    answer = site.get(path)

    assert answer.status_code == 404
    assert "<h1>There is no such page</h1>" in answer.text
    assert 'href="/"' in answer.text
    assert "tries again" not in answer.text
    assert "refresh" not in answer.headers


def test_the_parts_of_a_page_come_without_its_frame(site: AppClient) -> None:
    page = site.get("/devices/cam-07").text
    parts = site.get("/parts/devices/cam-07").text

    assert 'data-parts="/parts/devices/cam-07"' in page
    assert '<section id="device"' in parts
    assert "<html" not in parts


def test_devices_are_found_by_a_filter_and_a_wrong_one_is_told(site: AppClient) -> None:
    found = site.get('/?filter=name == "cam-07"').text
    wrong = site.get("/?filter=nam == 3").text

    assert "/devices/cam-07" in found
    assert "/devices/cam-08" not in found
    assert "field &#39;nam&#39; is unknown: did you mean &#39;name&#39;?" in wrong


def test_the_record_is_for_operators(cloud: MemoryCloud) -> None:
    site = AppClient(create_app(cloud, settings=ApiSettings(token="s3cret")))

    assert site.get("/audit").status_code == 401
    assert site.get("/audit", headers={"Authorization": "Bearer s3cret"}).status_code == 200
