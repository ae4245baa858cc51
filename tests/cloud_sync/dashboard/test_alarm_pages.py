"""The pages of alarms and of a model version."""

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.api.app import create_app
from cloud_sync.api.settings import ApiSettings
from cloud_sync.core.access import Role
from cloud_sync.dashboard.charts import trend
from cloud_sync.statistics_view import EvidenceView
from tests.support.asgi import AppClient
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud
from tests.support.report_views import feature_view, statistics_view
from tests.support.views import alarm


@pytest.fixture
def cloud(tmp_path: Path) -> MemoryCloud:
    cloud = lived_cloud(tmp_path)
    seen = statistics_view(feature_view("left", shift=1.2), feature_view("top", shift=0.1))
    for segment in ("", "site=oslo"):
        cloud.put_statistics(replace(seen, segment=segment))
    cloud.raise_alarm(replace(alarm("a-2"), sentence="left <b>moved</b>", features=["left"]))
    return cloud


@pytest.fixture
def site(cloud: MemoryCloud) -> AppClient:
    return AppClient(create_app(cloud))


def test_alarms_are_listed_by_who_looks_after_them(cloud: MemoryCloud, site: AppClient) -> None:
    cloud.acknowledge_alarm("a-2", note="lamp", by="anna")

    every = site.get("/alarms").text
    new = site.get("/alarms?state=new").text
    seen = site.get("/alarms?state=acknowledged").text
    of_gate = site.get("/alarms?model=gate").text

    assert "left &lt;b&gt;moved&lt;/b&gt;" in every
    assert 'data-alarm="a1"' in every
    assert 'data-alarm="a-2"' not in every
    assert "a-2" not in new
    assert "anna" in seen
    assert "lamp" in seen
    assert "a1" not in seen
    assert "No alarm of that kind." in of_gate
    assert site.get("/alarms?state=odd").status_code == 422


def test_many_alarms_come_in_pages(cloud: MemoryCloud, site: AppClient) -> None:
    for number in range(70):
        cloud.raise_alarm(alarm(f"n-{number}"))

    first = site.get("/alarms").text
    second = site.get("/alarms?after=n-40").text

    assert 'href="/alarms?after=n-40"' in first
    assert "n-69" in first
    assert "n-39" not in first
    assert "n-39" in second
    assert 'href="/alarms">Newest' in second


def test_an_alarm_shows_what_was_found_then_and_how_it_is_now(site: AppClient) -> None:
    page = site.get("/alarms/a-2").text

    assert "What was found" in page
    assert "Distribution of left, reference against live" in page
    assert "Evidence of drift of left over time" in page
    assert 'href="/models/digits/' in page
    assert site.get("/alarms/a-99").status_code == 404


def test_a_version_shows_its_card_quality_drift_over_time_and_segments(site: AppClient) -> None:
    page = site.get("/models/digits/1.0.0").text
    oslo = site.get("/models/digits/1.0.0?segment=site%3Doslo").text

    assert "Tells odd digits from even ones." in page
    assert '<th scope="row">accuracy</th>' in page
    assert "Measured on 2,210 labelled rows" in page
    assert page.index("Evidence of drift of left") < page.index("Evidence of drift of top")
    assert "Distribution of top, reference against live" in page
    assert 'href="/models/digits/1.0.0?segment=site%3Doslo"' in page
    assert '<span class="badge tone-idle">site=oslo</span>' in oslo
    assert site.get("/models/digits/9.9.9").status_code == 404


def test_a_viewer_is_shown_no_buttons_and_no_page_that_is_not_for_him(cloud: MemoryCloud) -> None:
    admin = cloud.access.create("root", role=Role.ADMIN, expires_s=None, by="test")
    viewer = cloud.access.create("vera", role=Role.VIEWER, expires_s=None, by="test")
    site = AppClient(create_app(cloud, settings=ApiSettings()))
    paths = ("/", "/alarms", "/alarms/a-2", "/devices/cam-07", "/models/digits/1.0.0")

    def seen(token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        return "".join(site.get(path, headers=headers).text for path in paths)

    of_admin, of_viewer = seen(admin.secret), seen(viewer.secret)

    for button in ("data-alarm=", "data-command=", "data-action="):
        assert button in of_admin
        assert button not in of_viewer
    assert 'href="/audit"' in of_admin
    assert 'href="/audit"' not in of_viewer
    assert of_admin == seen(admin.secret)  # what was drawn for one is not shown to the other


def test_evidence_over_time_is_drawn_with_its_threshold() -> None:
    points = [EvidenceView(60.0 * k, value) for k, value in enumerate((0.0, 0.5, 2.0))]

    found = trend(points)

    assert found is not None
    assert found.line == "M0.0 64.0L120.0 48.0L240.0 0.0"
    assert found.threshold_y == 32.0
    assert found.peak == 2.0
    assert trend(points[:1]) is None
    assert trend([EvidenceView(0.0, float("nan")), EvidenceView(1.0, 1.0)]) is None
