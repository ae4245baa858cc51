"""The agent in a tab of a real Chromium, with a real cloud behind it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Route

from edge_contract.messages import Assignment, DesiredState, Target, encode
from edge_contract.messages.topics import FleetTopics
from edge_contract.package import ArtifactRole
from tests.browser.clouds import Cloud
from tests.browser.sites import Site, bundled, retold
from tests.browser.tabs import Tab
from tests.integration.processes import eventually
from tests.integration.system import read_ledger, rows_by_device
from tests.security.hostile_models import HOSTILE_MODELS
from tests.support.packages import (
    altered,
    digits,
    reversed_digits,
    with_version,
)

ROW = digits().rows[0].tolist()

T = TypeVar("T")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with Cloud(tmp_path) as cloud:
        cloud.client.push(digits().package)
        yield cloud


def rows_merged(cloud: Cloud) -> int:
    return cloud.client.summary().rows_merged


def while_routing(tab: Tab, look: Callable[[], T]) -> Callable[[], T]:
    """The look, with time for the tab's requests, which wait for this thread."""

    def looked() -> T:
        tab.page.wait_for_timeout(50)
        return look()

    return looked


def serving(cloud: Cloud, device: str) -> str:
    report = cloud.client.device(device).models.get("digits")
    return str(report["version"]) if isinstance(report, dict) else ""


def test_a_tab_gets_its_model_predicts_labels_and_is_counted(
    cloud: Cloud, open_tab: Callable[[], Tab], complaints: list[str]
) -> None:
    tab = open_tab()
    device = tab.start(model="digits", cloud=cloud.websocket_url, tags={"site": "oslo"})

    first = tab.predict(digits().rows[:3].tolist())
    failed = tab.predict_often(ROW, 40)
    labelled = tab.label(first["id"], [0, 1, 2])
    again = tab.label(first["id"], [0, 1, 2])

    assert first["labels"] == digits().labels[:3].tolist()
    assert (first["model"], failed, labelled, again) == ("digits@1.0.0", 0, 3, 0)
    eventually("all rows are merged", lambda: rows_merged(cloud) == 43)
    view = cloud.client.device(device)
    assert (view.status, view.tags, view.rows_merged) == ("online", {"site": "oslo"}, 43)

    tab.close_agent()
    eventually("it left", lambda: cloud.client.device(device).status == "offline")
    assert complaints == []


def test_a_tab_that_is_gone_is_unreachable_not_failed_and_holds_up_no_rollout(
    cloud: Cloud, open_tab: Callable[[], Tab]
) -> None:
    gone, there = open_tab(), open_tab()
    device = gone.start(model="digits", cloud=cloud.websocket_url, device="gone")
    there.start(model="digits", cloud=cloud.websocket_url, device="there")
    for tab in (gone, there):
        tab.predict([ROW])
    eventually("both are there", lambda: len(cloud.client.devices()) == 2)

    gone.page.close()
    eventually("the will came", lambda: cloud.client.device(device).status == "unreachable")
    cloud.client.push(digits("1.1.0").package)
    rollout = cloud.client.start_rollout("digits", "1.1.0", strategy="all-at-once", bake_s=1)

    def is_over() -> bool:
        assert there.predict_often(ROW, 5) == 0
        return cloud.client.rollout(rollout.rollout_id).state == "succeeded"

    eventually("the others are enough", is_over, within_s=40.0)
    executions = cloud.client.rollout(rollout.rollout_id).executions
    assert executions == {"there": "succeeded", "gone": "timed_out"}


def test_after_a_reload_the_tab_predicts_before_python_has_loaded_and_loses_no_row(
    cloud: Cloud, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    device = tab.start(model="digits", cloud=cloud.websocket_url)
    tab.predict_often(ROW, 5)
    tab.page.wait_for_timeout(500)  # of the last fifth of a second a reload may cost the rows
    held: list[Callable[[], None]] = []
    tab.page.context.route("**/pyodide.mjs", lambda route: held.append(route.continue_))

    assert tab.reload() == device
    assert tab.predict_often(ROW, 7) == 0
    assert tab.status()["hasCore"] is False

    eventually("Pyodide was asked for", while_routing(tab, lambda: held))
    for let_go in held:
        let_go()
    eventually("all rows are merged", while_routing(tab, lambda: rows_merged(cloud) == 12))


def test_five_hundred_batches_of_a_time_without_a_broker_survive_a_reload_and_are_merged_once(
    cloud: Cloud, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    device = tab.start(model="digits", cloud=cloud.websocket_url)
    tab.predict([ROW])
    eventually("the first row is merged", lambda: rows_merged(cloud) == 1)
    assert cloud.stop() == 0

    waiting = tab.page.evaluate(
        """async (row) => {
          for (let i = 0; i < 500; i += 1) {
            await agent.predict([row]);
            await agent.flush();
          }
          return (await agent.status()).waitingBatches;
        }""",
        ROW,
    )
    tab.reload()
    assert tab.predict_often(ROW, 6) == 0
    cloud.start()

    eventually("all rows are merged", lambda: rows_merged(cloud) == 507, within_s=60.0)
    eventually("all are acknowledged", lambda: tab.status()["waitingBatches"] == 0)
    assert waiting == 500
    assert cloud.client.summary().batches_merged >= 502
    assert rows_by_device(cloud.data, digits().package.digest) == {device: 507}
    assert read_ledger(cloud.data).lost_rows == 0


def test_two_tabs_share_one_device_and_both_are_counted(
    cloud: Cloud, open_tab: Callable[[], Tab], complaints: list[str]
) -> None:
    first, second = open_tab(), open_tab()
    device = first.start(model="digits", cloud=cloud.websocket_url)
    first.predict([ROW])

    assert second.start(model="digits", cloud=cloud.websocket_url) == device
    assert second.predict_often(ROW, 8) == 0
    assert (first.status()["hasCore"], second.status()["hasCore"]) == (True, False)
    eventually("both are merged", lambda: rows_merged(cloud) == 9)

    first.page.close()
    eventually("the second takes over", lambda: second.status()["hasCore"])
    assert second.predict_often(ROW, 4) == 0
    eventually("its rows are merged", lambda: rows_merged(cloud) == 13)
    assert len(cloud.client.devices()) == 1
    assert complaints == []


def test_a_new_version_comes_through_its_trial_and_one_that_fails_is_taken_back(
    cloud: Cloud, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    device = tab.start(model="digits", cloud=cloud.websocket_url)
    tab.predict([ROW])

    cloud.client.push(digits("1.1.0").package)
    rollout = cloud.client.start_rollout("digits", "1.1.0", strategy="all-at-once", bake_s=1)
    eventually(
        "1.1.0 is promoted",
        lambda: (
            tab.predict_often(ROW, 5) == 0
            and cloud.client.rollout(rollout.rollout_id).state == "succeeded"
        ),
        within_s=40.0,
    )
    assert serving(cloud, device) == "1.1.0"

    broken = altered(digits("1.2.0").package, ArtifactRole.GOLDEN, wrong_golden)
    cloud.client.push(broken)
    cloud.client.start_rollout("digits", "1.2.0", strategy="all-at-once")
    eventually(
        "1.2.0 is refused",
        lambda: any("fails its golden vectors in this browser" in line for line in tab.logs()),
    )
    assert tab.predict([ROW])["model"] == "digits@1.1.0"


def wrong_golden(_data: bytes) -> bytes:
    """The golden vectors of a model that learnt the wrong labels."""
    other = reversed_digits().package
    return other.files[other.manifest.artifact(ArtifactRole.GOLDEN).path]


def test_bytes_that_were_tampered_with_are_refused_and_the_old_version_goes_on(
    cloud: Cloud, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    tab.start(model="digits", cloud=cloud.websocket_url)
    tab.predict([ROW])
    new = retold("1.1.0")
    model = new.manifest.artifact(ArtifactRole.MODEL)
    cloud.client.push(new)

    def tamper(route: Route) -> None:
        data = bytearray(new.files[model.path])
        data[-1] ^= 1
        route.fulfill(body=bytes(data))

    tab.page.context.route("**/offer?*", lambda route: route.fulfill(status=404))
    tab.page.context.route(f"**/{model.digest}", tamper)
    cloud.client.start_rollout("digits", "1.1.0", strategy="all-at-once")

    eventually(
        "it is refused",
        lambda: any("was tampered with" in line for line in tab.logs()),
    )
    assert tab.predict([ROW])["model"] == "digits@1.0.0"


def test_a_taken_broker_cannot_make_a_tab_run_a_hostile_model(
    cloud: Cloud, site: Site, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    device = tab.start(model="digits", cloud=cloud.websocket_url)
    tab.predict([ROW])
    eventually("it hears", lambda: [it.status for it in cloud.client.devices()] == ["online"])
    make, reason = HOSTILE_MODELS["a loop without end"]
    hostile = with_version(altered(digits().package, ArtifactRole.MODEL, lambda _: make()), "6.6.6")
    (files := site.folder / "models").mkdir(exist_ok=True)
    bundled(hostile, files)
    wish = DesiredState(
        generation=10**9,
        models={"digits": Assignment(serve=Target("6.6.6", hostile.digest))},
        packages_url=f"{site.url}/models",
    )

    attacker = Client(CallbackAPIVersion.VERSION2, client_id="attacker")
    attacker.username_pw_set(*cloud.broker_login)  # the broker is in somebody's hands
    attacker.connect("127.0.0.1", int(cloud.broker_url.rpartition(":")[2]))
    attacker.loop_start()
    eventually("the attacker is let in", attacker.is_connected)
    with cloud.standing_still():  # it would set the forged order right before the tab follows it
        topic = FleetTopics("default").device(device).desired
        attacker.publish(topic, encode(wish), qos=1, retain=True).wait_for_publish(10.0)
        attacker.disconnect()
        attacker.loop_stop()
        eventually("it is refused", lambda: any(reason in line for line in tab.logs()))

    assert tab.predict([ROW])["model"] == "digits@1.0.0"
