"""The agent in a tab of a real Chromium, with a real cloud behind it."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import BrowserContext, Route

from browser.py.bridge import layouts
from edge_agent.adapters.inputs import InputEncoder, Rows
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.outputs import OutputDecoder
from edge_contract.messages import Assignment, DesiredState, Target, encode
from edge_contract.messages.topics import FleetTopics
from edge_contract.package import ArtifactRole, Package
from tests.browser.clouds import Cloud
from tests.browser.pages import PageServer
from tests.browser.sites import built
from tests.browser.tabs import Tab
from tests.integration.processes import eventually
from tests.integration.system import read_ledger
from tests.security.hostile_models import HOSTILE_MODELS
from tests.support.packages import (
    altered,
    binary,
    digits,
    embedding,
    mixed,
    regression,
    reversed_digits,
    with_version,
    words,
)

ROW = digits().rows[0].tolist()

T = TypeVar("T")


class Site(NamedTuple):
    """A folder that is served."""

    folder: Path
    url: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = built(tmp_path_factory.mktemp("site"))
    with PageServer(folder) as server:
        yield Site(folder, server.url)


@pytest.fixture
def open_tab(context: BrowserContext, site: Site, complaints: list[str]) -> Callable[[], Tab]:
    return lambda: Tab(context, f"{site.url}/tests.html", complaints)


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


def test_a_tab_that_is_gone_is_missed(cloud: Cloud, open_tab: Callable[[], Tab]) -> None:
    tab = open_tab()
    device = tab.start(model="digits", cloud=cloud.websocket_url)
    tab.predict([ROW])

    tab.page.close()

    eventually("the will came", lambda: cloud.client.device(device).status == "unreachable")


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


def test_what_was_counted_while_the_cloud_was_away_survives_a_reload_and_is_merged_once(
    cloud: Cloud, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    tab.start(model="digits", cloud=cloud.websocket_url)
    tab.predict([ROW])
    eventually("the first row is merged", lambda: rows_merged(cloud) == 1)
    assert cloud.stop() == 0

    for _ in range(10):
        assert tab.predict_often(ROW, 6) == 0
        tab.flush()
    tab.page.wait_for_timeout(500)
    waiting = tab.status()["waitingBatches"]
    tab.reload()
    assert tab.predict_often(ROW, 6) == 0
    cloud.start()

    eventually("all rows are merged", lambda: rows_merged(cloud) == 67, within_s=60.0)
    assert waiting >= 10
    assert read_ledger(cloud.data).lost_rows == 0
    assert cloud.client.summary().batches_merged >= 11


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
    new = digits("1.1.0").package
    model = new.manifest.artifact(ArtifactRole.MODEL)
    cloud.client.push(new)

    def tamper(route: Route) -> None:
        data = bytearray(new.files[model.path])
        data[-1] ^= 1
        route.fulfill(body=bytes(data))

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


PARITY: dict[str, tuple[Package, Rows]] = {
    "digits": (digits().package, digits().rows[:20].tolist()),
    "threshold": (binary().package, binary().rows[:20].tolist()),
    "regression": (regression().package, regression().rows[:20].tolist()),
    "embedding": (embedding().package, embedding().rows[:20].tolist()),
    "text classes": (words().package, words().rows[:20].tolist()),
    "mixed inputs": (mixed().package, mixed().rows.head(20).to_dict("records")),
}


def bundled(package: Package, folder: Path) -> dict[str, object]:
    """Put a package's files beside the page, and return what the page is told of them."""
    files = {package.digest: package.manifest_bytes}
    files |= {it.digest: package.files[it.path] for it in package.manifest.artifacts}
    for digest, data in files.items():
        (folder / digest).write_bytes(data)
    reference = package.files[package.manifest.artifact(ArtifactRole.REFERENCE).path]
    return {
        "digest": package.digest,
        "version": package.manifest.version,
        "layouts": json.loads(layouts(package.manifest_bytes, reference)),
    }


@pytest.mark.parametrize("name", PARITY)
def test_a_page_that_brings_its_model_predicts_as_a_device_does_and_needs_no_cloud(
    name: str, site: Site, open_tab: Callable[[], Tab], complaints: list[str]
) -> None:
    package, rows = PARITY[name]
    files = site.folder / "models"
    files.mkdir(exist_ok=True)
    tab = open_tab()
    tab.start(
        model=package.manifest.name,
        bundled={**bundled(package, files), "url": f"{site.url}/models"},
    )

    assert_same(package, rows, tab.predict(rows))
    assert tab.status()["hasCore"] is False
    assert complaints == []


def assert_same(package: Package, rows: Rows, found: Mapping[str, Any]) -> None:
    encoded = InputEncoder(package.manifest).encode(rows)
    outputs = OnnxRuntimeEngine().load(package).run(encoded.feeds)
    expected = OutputDecoder(package.manifest).decode(outputs, encoded.rows)
    if expected.labels is not None:
        assert found["labels"] == expected.labels.tolist()
    for key, numbers in (("probabilities", expected.probabilities), ("values", expected.values)):
        if numbers is not None:
            np.testing.assert_allclose(found[key], numbers.ravel(), rtol=1e-4, atol=1e-6)


def test_rows_that_do_not_fit_are_refused_with_what_is_wrong(
    site: Site, open_tab: Callable[[], Tab]
) -> None:
    tab = open_tab()
    files = site.folder / "models"
    files.mkdir(exist_ok=True)
    tab.start(
        model="digits", bundled={**bundled(digits().package, files), "url": f"{site.url}/models"}
    )
    tab.predict([ROW])

    said = tab.page.evaluate(
        """async (rows) => Promise.all(
          rows.map((row) => agent.predict(row).then(() => "fine", (e) => `${e.name}: ${e.message}`))
        )""",
        [[[1, 2]], [["x"] * 64], [], [{"x0": 1}]],
    )

    assert said == [
        "UsageError: model digits@1.0.0 takes 64 values a row, row 0 has 2",
        'UsageError: model digits@1.0.0 takes float32 for feature x0, got "x" in row 0',
        "UsageError: model digits@1.0.0 takes 64 values a row, row 0 has 0",
        "UsageError: model digits@1.0.0 needs feature x1, row 0 lacks it",
    ]


def test_options_that_do_not_fit_are_refused_with_what_is_wrong(
    open_tab: Callable[[], Tab], site: Site
) -> None:
    tab = open_tab()
    tab.page.goto(f"{site.url}/tests.html")
    tab.page.wait_for_function("() => window.loaded === true")

    said = tab.page.evaluate(
        """async (options) => Promise.all(
          options.map((one) => start(one).then(() => "fine", (e) => `${e.name}: ${e.message}`))
        )""",
        [
            {},
            {"model": "digits", "cloud": "http://x"},
            {"model": "digits", "providers": "webgpu"},
            {"model": "digits", "threads": 0},
        ],
    )
    typo = tab.page.evaluate("() => start({ modle: 1 }).catch((error) => error.message)")

    assert said == [
        'UsageError: createAgent needs the name of a model: createAgent({ model: "digits" })',
        "UsageError: cloud is http://x: it must begin with ws:// or wss:// and a host",
        'UsageError: providers is "webgpu": give a list of "webgpu" and "wasm"',
        "UsageError: threads is 0: give a whole number from 1 on",
    ]
    assert typo.startswith("createAgent takes no modle; it takes assets, bundled, cloud, device")
