"""The agent in a tab that brings its model along, without a cloud: what it predicts and refuses."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from edge_agent.adapters.inputs import InputEncoder, Rows
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.outputs import OutputDecoder
from edge_contract.package import Package
from tests.browser.sites import Site, bundled
from tests.browser.tabs import Tab
from tests.support.packages import (
    binary,
    digits,
    embedding,
    heights,
    mixed,
    network,
    pictures,
    regression,
    seconds,
    tokens,
    words,
)

ROW = digits().rows[0].tolist()

PARITY: dict[str, tuple[Package, Rows]] = {
    "digits": (digits().package, digits().rows[:20].tolist()),
    "threshold": (binary().package, binary().rows[:20].tolist()),
    "regression": (regression().package, regression().rows[:20].tolist()),
    "embedding": (embedding().package, embedding().rows[:20].tolist()),
    "text classes": (words().package, words().rows[:20].tolist()),
    "texts and numbers": (mixed().package, mixed().rows.head(20).to_dict("records")),
    "float64": (seconds().package, seconds().rows.head(60).to_dict("records")),
    "no label": (network().package, network().rows[:20].tolist()),
    "pictures": (pictures().package, pictures().rows[:20].tolist()),
    "int64": (tokens().package, tokens().rows[:20].tolist()),
    "several numbers": (heights().package, heights().rows[:20].tolist()),
}
"""A package of each shape that converters write, and rows for it."""


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


def test_where_there_is_no_webgpu_webassembly_predicts_and_the_reason_is_told(
    site: Site, open_tab: Callable[[], Tab]
) -> None:
    (files := site.folder / "models").mkdir(exist_ok=True)
    brought = {**bundled(digits().package, files), "url": f"{site.url}/models"}
    tab = open_tab()
    tab.start(model="digits", bundled=brought, providers=["webgpu", "wasm"], threads=2)

    assert tab.predict([ROW])["labels"] == digits().labels[:1].tolist()
    status = tab.status()
    assert status["provider"] == "wasm"
    assert "webgpu: this browser " in status["fallback"]
    assert "thread" not in status["fallback"]  # the page is isolated
