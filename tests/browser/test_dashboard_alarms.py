"""Alarms in a real Chromium: read, acknowledged by keyboard, on a phone, by a viewer."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cloud_sync.api.server import ApiServer
from cloud_sync.core.access import Role
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud
from tests.support.report_views import feature_view, statistics_view

TIMEOUT_MS = 10_000


@pytest.fixture
def backend(tmp_path: Path) -> MemoryCloud:
    cloud = lived_cloud(tmp_path)
    seen = statistics_view(feature_view("left", shift=1.2))
    for segment in ("", "site=oslo"):
        cloud.put_statistics(replace(seen, segment=segment))
    return cloud


@pytest.fixture
def server(backend: MemoryCloud) -> Iterator[ApiServer]:
    with ApiServer(backend, port=0) as running:
        yield running


def test_an_alarm_is_read_and_acknowledged_by_keyboard_on_a_phone(
    chromium: Browser, server: ApiServer, backend: MemoryCloud, complaints: list[str]
) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = context.new_page()
    page.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
    page.goto(f"{server.url}/alarms")
    page.click("#all-alarms li a")
    expect(page.locator("#alarm-title")).to_have_text("Alarm: drift", timeout=TIMEOUT_MS)
    expect(page.locator("#link")).to_have_text("live", timeout=TIMEOUT_MS)

    page.focus("#acknowledge-a1")
    page.keyboard.press("Enter")

    expect(page.locator("#alarm .badge.tone-good")).to_have_text("acknowledged", timeout=TIMEOUT_MS)
    assert backend.alarm("a1").acknowledged_by == "dashboard at 127.0.0.1"
    for path in ("/alarms", "/alarms/a1", "/models/digits/1.0.0"):
        page.goto(f"{server.url}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert complaints == []
    context.close()


def test_a_viewer_sees_everything_and_no_button_that_gives_orders(
    chromium: Browser, server: ApiServer, backend: MemoryCloud
) -> None:
    backend.access.create("root", role=Role.ADMIN, expires_s=None, by="test")
    viewer = backend.access.create("vera", role=Role.VIEWER, expires_s=None, by="test")
    credentials = base64.b64encode(f"vera:{viewer.secret}".encode()).decode()
    context = chromium.new_context(extra_http_headers={"Authorization": f"Basic {credentials}"})
    page = context.new_page()

    for path, part in (("/", "#rollout"), ("/alarms", "#all-alarms"), ("/alarms/a1", "#alarm")):
        page.goto(f"{server.url}{path}")
        expect(page.locator(part)).to_be_visible(timeout=TIMEOUT_MS)
        orders = "[data-action], [data-alarm], [data-command], [data-model]"
        assert page.locator(orders).count() == 0
    context.close()
