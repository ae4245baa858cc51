"""The list of rollouts, and the page of one."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.backend import RolloutEventView, RolloutOrder
from cloud_sync.core.access import Role
from cloud_sync.core.rollout import RolloutPlan
from tests.support.asgi import AppClient
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud
from tests.support.tiny_package import tiny_package


@pytest.fixture
def cloud(tmp_path: Path) -> MemoryCloud:
    return lived_cloud(tmp_path)


@pytest.fixture
def site(cloud: MemoryCloud) -> AppClient:
    return AppClient(create_app(cloud))


def test_a_rollout_that_has_ended_keeps_its_evidence_on_a_page_of_its_own(
    cloud: MemoryCloud, site: AppClient
) -> None:
    rollout_id = cloud.rollout("latest").rollout_id
    cloud.steer_rollout(rollout_id, "abort", by="anna")

    page = site.get(f"/rollouts/{rollout_id}").text

    assert 'Rollout of <a href="/models/digits/1.1.0">digits 1.1.0</a>' in page
    assert "estimate: inconclusive" in page
    assert "abort by anna" in page
    assert f'data-parts="/parts/rollouts/{rollout_id}"' in page
    assert site.get(f"/parts/rollouts/{rollout_id}").text in page


def test_of_two_rollouts_under_way_both_can_be_steered(cloud: MemoryCloud, site: AppClient) -> None:
    first = cloud.rollout("latest").rollout_id
    cloud.push(tiny_package("faces", "2.0.0").to_archive(), by="test")
    cloud.start_rollout(RolloutOrder(RolloutPlan(model="faces", version="2.0.0")), by="test")
    second = cloud.rollout("latest").rollout_id

    start = site.get("/").text

    for rollout_id in (first, second):
        assert f'href="/rollouts/{rollout_id}"' in start
        page = site.get(f"/rollouts/{rollout_id}").text
        assert f'data-action="abort" data-rollout="{rollout_id}"' in page


def test_rollouts_are_listed_newest_first_in_pages(cloud: MemoryCloud, site: AppClient) -> None:
    one = cloud.rollout("latest")
    for number in range(120):
        cloud.put_rollout(
            replace(one, rollout_id=f"r-{number:03}", started_unix_s=one.started_unix_s + number)
        )

    seen: list[str] = []
    address = "/rollouts"
    while address:
        page = site.get(address).text
        seen += re.findall(r'<a href="/rollouts/(r-\d+)">', page)
        following = re.search(r'href="(/rollouts\?after=[^"]+)">Earlier', page)
        address = following.group(1) if following else ""

    assert seen == [f"r-{number:03}" for number in reversed(range(120))]


def test_a_rollout_that_is_not_there_and_a_viewer_get_a_plain_answer(
    cloud: MemoryCloud, site: AppClient
) -> None:
    assert site.get("/rollouts/r-none").status_code == 404
    assert "No rollout" in AppClient(create_app(cloud)).get("/rollouts?after=none").text

    cloud.access.create("root", role=Role.ADMIN, expires_s=None, by="test")
    viewer = cloud.access.create("vera", role=Role.VIEWER, expires_s=None, by="test")
    page = site.get("/rollouts/latest", headers={"Authorization": f"Bearer {viewer.secret}"})

    assert page.status_code == 200
    assert "data-action=" not in page.text


def test_the_last_verdict_of_a_rollout_is_the_last_that_gates_gave(
    cloud: MemoryCloud, site: AppClient
) -> None:
    one = cloud.rollout("latest")
    over = RolloutEventView(2e9, "digits@1.1.0: succeeded", {"exposed": ["cam-07"]})
    cloud.put_rollout(replace(one, events=[*one.events, over]))

    page = site.get(f"/rollouts/{one.rollout_id}").text

    assert "estimate: inconclusive" in page.partition("Last verdict")[2].partition("Earlier")[0]
