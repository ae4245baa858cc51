"""Reports in a real Chromium: without complaints, on a phone, light and dark."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from edgefleet.report.content import fleet_report
from edgefleet.report.files import write_page
from tests.support.report_views import category_view, feature_view, statistics_view


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        # As root, in a container, Chromium cannot make its sandbox; the page is our own.
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def report(tmp_path: Path) -> str:
    """Address of a report with everything in it, and a column whose name is very long."""
    view = statistics_view(
        feature_view("left", shift=1.5),
        feature_view("a_name_without_any_space_that_goes_on_and_on_" * 5, shift=1.1),
        category_view("city", labels=["oslo", "bergen", "a category with quite a long name", "x"]),
        *(feature_view(f"calm_{k}") for k in range(30)),
    )
    write_page(fleet_report(view), tmp_path / "report.html")
    return (tmp_path / "report.html").as_uri()


def opened(browser: Browser, address: str, *, width: int, scheme: str) -> tuple[Page, list[str]]:
    complaints: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))
    page.goto(address)
    return page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_report_fits_and_asks_for_nothing(
    browser: Browser, report: str, width: int, scheme: str
) -> None:
    page, complaints = opened(browser, report, width=width, scheme=scheme)

    shown = page.evaluate("document.documentElement.scrollWidth")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.context.close()

    assert complaints == [report]
    assert shown == width
    assert ground == ("rgb(13, 18, 23)" if scheme == "dark" else "rgb(244, 246, 248)")


def test_calm_columns_unfold_and_print(browser: Browser, report: str) -> None:
    page, _ = opened(browser, report, width=1280, scheme="light")
    calm = page.locator("#columns details tr", has_text="calm_29")

    assert not calm.is_visible()
    page.click("#columns details > summary")
    assert calm.is_visible()
    page.click("#columns details > summary")
    page.emulate_media(media="print")
    height = page.locator("#columns details tr", has_text="calm_29").bounding_box()
    page.context.close()

    assert height is not None
    assert height["height"] > 0
