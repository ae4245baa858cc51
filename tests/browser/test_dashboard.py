"""The dashboard in a real Chromium: live, by keyboard, on a phone, under its own policy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from cloud_sync.api.server import ApiServer
from tests.support.lived_cloud import lived_cloud
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import device

TIMEOUT_MS = 10_000


@pytest.fixture
def backend(tmp_path: Path) -> MemoryCloud:
    return lived_cloud(tmp_path)


@pytest.fixture
def server(backend: MemoryCloud) -> Iterator[ApiServer]:
    with ApiServer(backend, port=0) as running:
        yield running


@pytest.fixture
def page(chromium: Browser, server: ApiServer, complaints: list[str]) -> Iterator[Page]:
    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.set_default_timeout(TIMEOUT_MS)
    opened.on("console", note)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(f"{server.url}/")
    expect(opened.locator("#link")).to_have_text("live", timeout=TIMEOUT_MS)
    yield opened
    context.close()


def test_the_page_follows_the_fleet_and_leaves_the_reader_in_peace(
    page: Page, backend: MemoryCloud, complaints: list[str]
) -> None:
    page.evaluate("window.loadedOnce = true")
    page.click("#verdict-2 > summary")
    page.click("#rollout-history > summary")

    backend.put_device(device("cam-99", version="1.1.0"))
    expect(page.locator("#devices")).to_contain_text("cam-99", timeout=TIMEOUT_MS)
    backend.steer_rollout("latest", "pause", by="another operator")
    expect(page.locator("#rollout .badge").first).to_have_text("paused", timeout=TIMEOUT_MS)

    assert page.evaluate("window.loadedOnce") is True
    expect(page.locator("#verdict-2")).to_have_attribute("open", "")
    expect(page.locator("#rollout-history")).to_contain_text("pause by another operator")
    expect(page.locator("#announce")).to_have_text("pause by another operator")
    expect(page.locator("#devices time").first).to_contain_text("ago")
    assert complaints == []


def test_an_operator_steers_by_keyboard_and_is_asked_before_hard_steps(
    page: Page, backend: MemoryCloud, complaints: list[str]
) -> None:
    page.focus("#do-pause")
    page.keyboard.press("Enter")
    expect(page.locator("#do-resume")).to_be_visible(timeout=TIMEOUT_MS)
    assert backend.rollout("latest").sentence == "pause by dashboard at 127.0.0.1"

    page.focus("#do-rollback")
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_contain_text(
        "Roll back digits 1.1.0? Its devices return to 1.0.0."
    )
    page.keyboard.press("Escape")
    expect(page.locator("#confirm")).to_be_hidden()
    assert backend.rollout("latest").state == "paused"

    expect(page.locator("#do-rollback")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#rollout .badge").first).to_have_text("rolled back", timeout=TIMEOUT_MS)
    assert backend.rollout("latest").state == "rolled_back"
    expect(page.locator("#rollout .actions")).to_have_count(0)
    assert complaints == []


def test_a_step_that_has_become_impossible_is_explained(page: Page, backend: MemoryCloud) -> None:
    page.route("**/parts*", lambda route: route.abort())
    page.reload()  # so that no part is on its way when the other operator acts
    expect(page.locator("#do-pause")).to_be_visible(timeout=TIMEOUT_MS)
    backend.steer_rollout("latest", "abort", by="another operator")

    page.click("#do-pause")

    expect(page.get_by_role("alert")).to_contain_text("'pause' refused", timeout=TIMEOUT_MS)


def test_the_page_finds_its_way_back_after_a_restart_of_the_cloud(
    chromium: Browser, backend: MemoryCloud
) -> None:
    first = ApiServer(backend, port=0)
    page = chromium.new_page()
    page.goto(f"{first.url}/")
    expect(page.locator("#link")).to_have_text("live", timeout=TIMEOUT_MS)

    first.stop()
    expect(page.locator("#link")).not_to_have_text("live", timeout=TIMEOUT_MS)
    backend.put_device(device("cam-99"))
    with ApiServer(backend, port=first.port):
        expect(page.locator("#devices")).to_contain_text("cam-99", timeout=TIMEOUT_MS)
        expect(page.locator("#link")).to_have_text("live", timeout=TIMEOUT_MS)
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_on_a_phone(chromium: Browser, server: ApiServer, scheme: str) -> None:
    context = chromium.new_context(
        viewport={"width": 360, "height": 740}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    page.goto(f"{server.url}/")
    expect(page.locator("#link")).to_have_text("live", timeout=TIMEOUT_MS)

    width = page.evaluate("document.documentElement.scrollWidth")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    context.close()

    assert width == 360
    assert ground == ("rgb(13, 18, 23)" if scheme == "dark" else "rgb(244, 246, 248)")


def test_a_device_is_commanded_and_its_answer_appears_by_itself(
    page: Page, backend: MemoryCloud, complaints: list[str]
) -> None:
    backend.commands.on_send = lambda view: backend.answer(
        view.command_id, "cam-07", ok=True, detail="pong"
    )
    page.get_by_role("link", name="cam-07").click()
    expect(page.locator("#link")).to_have_text("live", timeout=TIMEOUT_MS)

    page.focus("#order-ping")
    page.keyboard.press("Enter")

    expect(page.locator("#device-answers")).to_contain_text("pong", timeout=TIMEOUT_MS)
    page.get_by_role("link", name="Audit").click()
    expect(page.locator("#audit")).to_contain_text("command.ping")
    expect(page.locator("#audit")).to_contain_text("dashboard at 127.0.0.1")
    assert complaints == []
