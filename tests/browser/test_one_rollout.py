"""A tab and a device of one fleet live through the same story and tell it in the same words."""

import logging
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from edge_agent.agent import Agent
from tests.browser.clouds import Cloud
from tests.browser.pages import PageServer
from tests.browser.sites import built
from tests.browser.tabs import Tab
from tests.integration.processes import eventually
from tests.support.packages import digits


def story(lines: Iterable[str]) -> list[str]:
    """What the core said of versions; other lines are about links and downloads, which differ."""
    return [line for line in lines if line.startswith("digits ") and " fetched: " not in line]


def test_a_tab_and_a_device_take_part_in_one_rollout_and_log_the_same_events(
    tmp_path: Path,
    context: BrowserContext,
    complaints: list[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="edgefleet.agent")
    row = digits().rows[0].tolist()
    with Cloud(tmp_path) as cloud, PageServer(built(tmp_path / "site")) as server:
        cloud.client.push(digits().package)
        with Agent(
            "digits", cloud=cloud.broker_url, device="gate-3", state=tmp_path / "state"
        ) as agent:
            tab = Tab(context, f"{server.url}/tests.html", complaints)
            device = tab.start(model="digits", cloud=cloud.websocket_url)
            assert tab.predict([row])["model"] == "digits@1.0.0"
            eventually("the device serves", lambda: agent.version == "1.0.0")

            cloud.client.push(digits("1.1.0").package)
            rollout = cloud.client.start_rollout(
                "digits", "1.1.0", strategy="all-at-once", bake_s=1
            )
            rollout_id = rollout.rollout_id

            def is_over() -> bool:
                agent.predict([row])
                assert tab.predict_often(row, 5) == 0
                return cloud.client.rollout(rollout_id).state == "succeeded"

            eventually("it is promoted", is_over, within_s=40.0)
            found = cloud.client.rollout(rollout_id)
            told = story(record.getMessage() for record in caplog.records)

            assert dict(found.executions) == {"gate-3": "succeeded", device: "succeeded"}
            assert len(told) >= 3
            assert story(tab.logs()) == told
            tab.close_agent()
    assert complaints == []
