"""A small model in the page's own thread: quicker than a worker, and counted all the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.clouds import Cloud
from tests.browser.sites import Site, bundled
from tests.browser.tabs import Tab
from tests.integration.processes import eventually
from tests.support.packages import digits

ROWS = digits().rows[:3].tolist()

_COME_NEAR = """async (row) => {
  for (let calls = 1; ; calls += 1) {
    await agent.predict([row]);
    if (calls % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    if (calls >= 128 && ((await agent.status()).inPage || calls >= 1000)) return calls;
  }
}"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with Cloud(tmp_path) as cloud:
        cloud.client.push(digits().package)
        yield cloud


def brought(site: Site) -> dict[str, object]:
    files = site.folder / "models"
    files.mkdir(exist_ok=True)
    return {**bundled(digits().package, files), "url": f"{site.url}/models"}


def come_near(tab: Tab) -> int:
    """Predict until the model is in the page's thread; return how often."""
    calls: int = tab.page.evaluate(_COME_NEAR, ROWS[0])
    return calls


def test_a_model_that_proved_quick_answers_in_the_page_and_every_row_is_counted(
    site: Site, open_tab: Callable[[], Tab], complaints: list[str]
) -> None:
    tab = open_tab()
    tab.start(model="digits", bundled=brought(site))
    far = tab.predict(ROWS)

    calls = come_near(tab)
    near = tab.predict(ROWS)
    of_many = tab.predict([ROWS[0]] * 5000)
    of_a_buffer = tab.page.evaluate(
        """async (row) => {
          const own = Float32Array.from(row);
          const asked = agent.predict(own);
          own.fill(0);
          return (await asked).labels;
        }""",
        ROWS[1],
    )
    refused = tab.page.evaluate("() => agent.predict([[1, 2]]).catch((error) => `${error}`)")

    status = tab.status()
    assert (status["inPage"], status["rowsObserved"]) == (True, 3 + calls + 3 + 5000 + 1)
    assert near["labels"] == far["labels"] == [0, 1, 2]
    assert near["probabilities"] == far["probabilities"]
    assert (len(of_many["labels"]), of_a_buffer) == (5000, [1])
    assert refused == "UsageError: model digits@1.0.0 takes 64 values a row, row 0 has 2"
    assert tab.label(near["id"], [0, 1, 2]) == 3
    assert complaints == []


def test_a_page_that_wants_its_thread_for_itself_keeps_it(
    site: Site, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    tab.start(model="digits", bundled=brought(site), inPage=False)

    tab.predict_often(ROWS[0], 200)
    tab.page.wait_for_timeout(300)

    assert tab.status()["inPage"] is False


def test_a_version_in_the_page_gives_way_to_the_next_one_without_a_lost_call_or_row(
    cloud: Cloud, open_tab: Callable[[], Tab], complaints: list[str]
) -> None:
    tab = open_tab()
    tab.start(model="digits", cloud=cloud.websocket_url)
    calls = come_near(tab)
    cloud.client.push(digits("1.1.0").package)

    tab.page.evaluate(
        """(row) => {
          window.running = (async () => {
            let [calls, failed] = [0, 0];
            for (window.going = true; window.going; calls += 1) {
              await agent.predict([row]).catch(() => (failed += 1));
              await new Promise((resolve) => setTimeout(resolve, 2));
            }
            return [calls, failed];
          })();
        }""",
        ROWS[0],
    )
    rollout = cloud.client.start_rollout("digits", "1.1.0", strategy="all-at-once", bake_s=1)
    eventually(
        "1.1.0 is promoted, and near",
        lambda: (
            cloud.client.rollout(rollout.rollout_id).state == "succeeded"
            and tab.status()["serving"] == "digits@1.1.0"
            and tab.status()["inPage"]
        ),
        within_s=40.0,
    )
    more, failed = tab.page.evaluate("() => { window.going = false; return window.running; }")
    tab.flush()

    assert (tab.status()["inPage"], failed) == (True, 0)
    eventually(
        "every row is merged once",
        lambda: cloud.client.summary().rows_merged == calls + more,
    )
    assert complaints == []
