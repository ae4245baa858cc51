"""A tab and a device of one fleet live through the same story and tell it in the same words."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from edge_agent.agent import Agent
from edgefleet.client import Cloud as Client
from tests.browser.clouds import Cloud
from tests.browser.pages import PageServer
from tests.browser.sites import built
from tests.browser.tabs import Tab
from tests.integration.processes import eventually
from tests.support.packages import digits, reversed_digits, touchy_digits

ROWS = digits().rows.tolist()
TOUCHED = [[100.0, *row[1:]] for row in ROWS[:5]]


class Fleet:
    """A tab and a device that see the same rows."""

    def __init__(self, client: Client, agent: Agent, tab: Tab) -> None:
        self.client = client
        self.agent = agent
        self.tab = tab

    def see(self, rows: list[list[float]]) -> None:
        """Predict on both in several calls; nobody is ever left without an answer."""
        for part in (rows[place::5] for place in range(5)):
            self.tab.predict(part)
            self.agent.predict(part)

    def both_serve(self, version: str) -> Callable[[], bool]:
        """A look at whether a version serves on both, on trial or for good."""
        return lambda: (
            self.agent.version == version and self.tab.status()["serving"] == f"digits@{version}"
        )

    def live_until(self, rollout_id: str, state: str, rows: list[list[float]] = ROWS) -> None:
        def is_there() -> bool:
            self.see(rows)
            return self.client.rollout(rollout_id).state == state

        eventually(state, is_there, within_s=90.0)


def story(lines: Iterable[str]) -> list[str]:
    """What the core said of versions, but for numbers of calls, which nobody can repeat.

    Other lines are about links and downloads, which differ.
    """
    told = [line for line in lines if line.startswith("digits ") and " fetched: " not in line]
    return [re.sub(r"\d+ calls failed", "calls failed", line) for line in told]


@pytest.fixture
def fleet(
    tmp_path: Path,
    context: BrowserContext,
    complaints: list[str],
    caplog: pytest.LogCaptureFixture,
) -> Iterator[Fleet]:
    caplog.set_level(logging.INFO, logger="edgefleet.agent")
    with Cloud(tmp_path) as cloud, PageServer(built(tmp_path / "site")) as server:
        cloud.client.push(digits().package)
        state = tmp_path / "state"
        with Agent("digits", cloud=cloud.broker_url, device="gate-3", state=state) as agent:
            tab = Tab(context, f"{server.url}/tests.html", complaints)
            tab.start(model="digits", cloud=cloud.websocket_url, device="tab-1")
            fleet = Fleet(cloud.client, agent, tab)
            eventually("the device serves", lambda: agent.version == "1.0.0")
            fleet.see(ROWS)
            eventually("both are there", lambda: len(cloud.client.devices()) == 2)
            yield fleet
            tab.close_agent()


def test_a_canary_is_promoted_and_bad_versions_are_rolled_back_on_a_tab_as_on_a_device(
    fleet: Fleet, complaints: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    client = fleet.client

    # a good version comes to one of two, then to both
    client.push(digits("1.1.0").package)
    good = client.start_rollout(
        "digits", "1.1.0", steps=[0.5, 1.0], shadow=False, bake_s=1, min_rows=20, force=True
    )
    fleet.live_until(good.rollout_id, "succeeded")
    found = client.rollout(good.rollout_id)
    assert dict(found.executions) == {"gate-3": "succeeded", "tab-1": "succeeded"}
    assert [(it.fraction, it.state) for it in found.stages] == [(0.5, "passed"), (1.0, "passed")]

    # one that learnt the wrong labels is found out in the shadow of the good one
    client.push(reversed_digits("1.2.0").package)
    wrong = client.start_rollout("digits", "1.2.0", steps=[1.0], bake_s=1, min_rows=20, force=True)
    fleet.live_until(wrong.rollout_id, "rolled_back")
    assert fleet.tab.predict(ROWS[:1])["model"] == "digits@1.1.0"

    # one that fails on rows of today serves both, and gives way to the good one
    client.push(touchy_digits("1.3.0"))
    failing = client.start_rollout("digits", "1.3.0", strategy="all-at-once", force=True)
    eventually("both try it", fleet.both_serve("1.3.0"), within_s=90.0)
    fleet.live_until(failing.rollout_id, "rolled_back", TOUCHED)
    assert fleet.tab.predict(TOUCHED)["model"] == "digits@1.1.0"

    records = [*caplog.get_records("setup"), *caplog.records]
    told = story(record.getMessage() for record in records)
    assert story(fleet.tab.logs()) == told
    assert len(told) == 7
    assert [it for it in complaints if "out of data bounds" not in it] == []  # 1.3.0's own
