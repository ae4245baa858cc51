"""A canary from start to rollback in a real Chromium, on a real cloud with real devices."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud_sync.api.server import ApiServer
from tests.integration.gate import make_packages
from tests.integration.processes import Cameras, CloudProcess, eventually
from tests.support.lived_cloud import lived_cloud

TIMEOUT_MS = 20_000
DEVICES = ["cam-1", "cam-2", "cam-3", "cam-4"]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CloudProcess]:
    packages = make_packages(tmp_path)
    with CloudProcess(tmp_path / "cloud") as cloud:
        cloud.client.push(packages["1.0.0"])
        cloud.client.push(packages["1.1.0"])
        yield cloud


@pytest.fixture
def cameras(cloud: CloudProcess, tmp_path: Path) -> Iterator[Cameras]:
    folder = tmp_path / "devices"
    with Cameras(folder, DEVICES, broker=cloud.broker_url, rate_hz=100.0) as cameras:
        eventually("rows arrive", lambda: cloud.client.summary().rows_merged >= 500)
        yield cameras


@pytest.mark.usefixtures("cameras")
def test_an_operator_starts_a_canary_watches_it_approves_it_and_rolls_it_back(
    chromium: Browser, cloud: CloudProcess, complaints: list[str]
) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(cloud.url)

    page.click("button:has-text('Roll out')")
    expect(page.locator("#start-title")).to_have_text("Roll out gate 1.1.0")
    page.fill("[name=steps]", "1dev, 50%, everything")
    page.click("#start-look")
    expect(page.locator("#start-preview")).to_contain_text('step "everything" is none')
    page.fill("[name=steps]", "1dev, 100%")
    page.fill("[name=bake_min]", "0.2")
    page.uncheck("[name=shadow]")
    page.check("[name=approval]")
    page.click("#start-look")
    expect(page.locator("#start-preview")).to_contain_text("Nothing speaks against it")
    expect(page.locator("#start-preview")).to_contain_text("canary 1 device, 1 against 3 others")
    page.click("#start-yes")

    expect(page.locator("#rollout .badge").first).to_have_text("awaiting approval")
    page.click("#do-approve")
    soaks = expect(page.locator("#rollout .steps"))
    soaks.to_contain_text("1 device · soaking", timeout=TIMEOUT_MS)
    expect(page.locator("#rollout .verdict").first).to_contain_text("delivery")
    page.click("#verdict-1 > summary")
    expect(page.locator("#verdict-1")).to_contain_text("alpha")

    page.click("#do-rollback")
    expect(page.locator("#confirm")).to_contain_text("Its devices return to 1.0.0.")
    page.click("#confirm-yes")
    expect(page.locator("#rollout .badge").first).to_have_text("rolled back", timeout=TIMEOUT_MS)
    page.click("#rollout-cohorts > summary")
    expect(page.locator("#rollout-cohorts")).to_contain_text("1 rolled back")
    assert complaints == []


def test_an_operator_reads_the_evidence_of_an_alarm(chromium: Browser, tmp_path: Path) -> None:
    with ApiServer(lived_cloud(tmp_path), port=0) as server:
        page: Page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(server.url)

        page.click("#alarms details > summary")

        expect(page.locator("#alarms")).to_contain_text("3.4")
        expect(page.locator("#alarms")).to_contain_text("site=oslo")
