"""One Chromium for a module; every test gets a context of its own, which keeps nothing."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.pages import PageServer
from tests.browser.sites import Site, built
from tests.browser.tabs import Tab


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        # As root, in a container, Chromium cannot make its sandbox; the pages are our own.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context()
    yield context
    context.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of: faults of scripts, breaches of the policy."""
    return []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = built(tmp_path_factory.mktemp("site"))
    with PageServer(folder) as server:
        yield Site(folder, server.url)


@pytest.fixture
def open_tab(context: BrowserContext, site: Site, complaints: list[str]) -> Callable[[], Tab]:
    return lambda: Tab(context, f"{site.url}/tests.html", complaints)
