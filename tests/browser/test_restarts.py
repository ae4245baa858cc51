"""Workers that are gone, as for want of memory: the page says so, starts others, and goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.clouds import Cloud
from tests.browser.sites import Site, bundled
from tests.browser.tabs import Tab
from tests.integration.processes import eventually
from tests.support.packages import digits

ROW = digits().rows[0].tolist()
TRAPPED = """() => {
  const memory = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0,
    10, 5, 1, 3, 0, 0, 11,
  ])));
  setTimeout(() => memory.exports.f());
}"""
"""A module of WebAssembly whose one function is ``unreachable``."""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with Cloud(tmp_path) as cloud:
        cloud.client.push(digits().package)
        yield cloud


def end_worker(tab: Tab, script: str, how: str = "() => self.close()") -> None:
    [worker] = [it for it in tab.page.workers if it.url.endswith(f"/{script}")]
    worker.evaluate(how)


@pytest.mark.parametrize("how", ["() => self.close()", TRAPPED])
def test_a_version_whose_worker_is_gone_serves_on_in_another_one(
    how: str, site: Site, open_tab: Callable[[], Tab]
) -> None:
    (files := site.folder / "models").mkdir(exist_ok=True)
    tab = open_tab()
    brought = {**bundled(digits().package, files), "url": f"{site.url}/models"}
    tab.start(model="digits", bundled=brought)
    assert tab.predict([ROW])["model"] == "digits@1.0.0"

    end_worker(tab, "serving_worker.js", how)
    eventually("it is said", lambda: "another one is started" in "".join(tab.logs()))

    assert tab.predict([ROW])["model"] == "digits@1.0.0"
    [line] = tab.logs()
    assert line.startswith("the worker of digits@1.0.0 is gone: ")
    assert ("unreachable" in line) == (how == TRAPPED)


def test_a_core_that_is_gone_comes_back_and_no_row_is_lost_or_counted_twice(
    cloud: Cloud, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    device = tab.start(model="digits", cloud=cloud.websocket_url)
    tab.predict_often(ROW, 5)
    eventually("the first rows are merged", lambda: cloud.client.summary().rows_merged == 5)

    tab.predict_often(ROW, 7)
    tab.page.wait_for_timeout(300)  # of the last fifth of a second a lost worker may cost the rows
    end_worker(tab, "serving_worker.js")
    end_worker(tab, "worker.js")
    eventually("both are said", lambda: "".join(tab.logs()).count("another one is started") == 2)
    assert tab.predict_often(ROW, 3) == 0
    eventually("the core is back", lambda: tab.status()["link"] == "up")

    eventually("all rows are merged", lambda: cloud.client.summary().rows_merged == 15)
    assert cloud.client.device(device).status == "online"
    assert tab.status()["serving"] == "digits@1.0.0"
