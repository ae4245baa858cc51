"""Plugins that packages ask for: before the model, after it, and kinds of statistics."""

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from converters.base import ConversionWarning
from converters.custom_statistics import custom_columns
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.adapters.values import RowError
from edge_contract.errors import EdgeError, UnavailableError, UsageError
from edge_contract.package import Feature, Manifest, Package, Processing
from edge_contract.stats import SPECS
from edgefleet.converting import convert
from tests.edge_agent.conftest import MakeAgent
from tests.support.composed import fitted, raw_rows
from tests.support.packages import digits
from tests.support.plugins import install_plugins

ROWS = raw_rows(200)
MODEL, TRUTHS = fitted(ROWS)


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Installs the plugins of the laboratory for one test."""
    monkeypatch.syspath_prepend(str(install_plugins(tmp_path / "site")))
    known = dict(SPECS)
    yield tmp_path / "site"
    SPECS.clear()
    SPECS.update(known)


def converted(**how: object) -> Package:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)  # so few rows are enough for a test
        options = {"robustness": False, "joint": 0, "pre": "halved", **how}
        return convert(MODEL, ROWS, TRUTHS, name="gate", version="1.0.0", **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("plugins")
def test_rows_and_predictions_go_through_the_plugins_that_the_package_names(
    make_agent: MakeAgent,
) -> None:
    package = converted(post="shouted")

    agent = make_agent(package)
    prediction = agent.predict(ROWS[:5])
    single = agent.predict(ROWS[0])

    features = (ROWS[:5, ::2] + ROWS[:5, 1::2]) / 2
    assert prediction.labels is not None
    assert prediction.labels.tolist() == MODEL.predict(features).tolist()
    assert prediction.result == [label.upper() for label in MODEL.predict(features)]
    assert single.result == [prediction.result[0]]
    assert package.manifest.processing == Processing("halved", "shouted")
    assert Manifest.from_bytes(package.manifest_bytes).processing.post == "shouted"
    with pytest.raises(
        UsageError,
        match="preprocessing 'halved' failed on these rows: ValueError: a signal has 8 numbers, g",
    ):
        agent.predict([[1.0, 2.0]])


@pytest.mark.usefixtures("plugins")
def test_of_many_rows_the_one_that_preprocessing_fails_on_is_named(make_agent: MakeAgent) -> None:
    agent = make_agent(converted())
    rows: list[list[object]] = [row.tolist() for row in ROWS[:4]]
    rows[2][5] = "soon"

    with pytest.raises(RowError, match="row 2: preprocessing 'halved' failed on it: ValueError"):
        agent.predict(rows)


@pytest.mark.usefixtures("plugins")
def test_a_postprocessing_that_fails_costs_nobody_the_prediction(make_agent: MakeAgent) -> None:
    prediction = make_agent(converted(post="broken")).predict(ROWS[:1])

    assert prediction.labels is not None
    with pytest.raises(
        UnavailableError, match=r"'broken' of gate@1\.0\.0 failed: RuntimeError: out of order"
    ):
        _ = prediction.result


def test_a_package_whose_plugins_are_not_here_is_refused_with_their_names(
    make_agent: MakeAgent, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = converted()
    monkeypatch.delitem(sys.modules, "lab_plugins")
    for path in plugins.rglob("*.txt"):
        path.unlink()

    agent = make_agent(package, ready_timeout_s=1.0)

    with pytest.raises(
        UnavailableError,
        match=r"needs the plugin 'halved' \(edgefleet\.preprocessing\), which is not installed",
    ):
        agent.predict(ROWS[:1])


@pytest.mark.usefixtures("plugins")
def test_statistics_of_plugins_are_counted_and_travel(
    make_agent: MakeAgent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    package = plain(['x0={"kind": "largest", "kept": 2}', "x1=blocks", "prediction=largest"])
    agent = make_agent(package)
    rows = np.arange(24, dtype=np.float32).reshape(6, 4) / 10
    agent.predict(rows)
    agent.close()

    states = states_in(tmp_path / "state", package)

    assert states["feature:x0", "largest"] == [6, pytest.approx([2.0, 1.6])]
    assert states["feature:x1", "blocks"] == [6, pytest.approx([2.1, 1.7, 1.3])]
    assert states["prediction", "largest"][0] == 6  # type: ignore[index]
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


@pytest.mark.usefixtures("plugins")
def test_a_statistic_that_fails_costs_no_other_one(
    make_agent: MakeAgent, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    package = plain(["x0=largest", "x1=largest"])
    agent = make_agent(package)
    agent.predict(np.array([[13.0, 1.0, 0.0, 0.0]], np.float32))
    agent.close()

    states = states_in(tmp_path / "state", package)

    assert ("feature:x0", "largest") not in states
    assert states["feature:x1", "largest"] == [1, [1.0]]
    assert ("feature:x0", "moments") in states
    assert "'largest' cannot count: RuntimeError: thirteen: it is left out" in caplog.text


def plain(statistics: list[str]) -> Package:
    features = (ROWS[:, ::2] + ROWS[:, 1::2]) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)  # so few rows are enough for a test
        return convert(
            MODEL,
            features,
            TRUTHS,
            name="gate",
            version="1.0.0",
            robustness=False,
            joint=0,
            statistics=statistics,
        )


def states_in(state: Path, package: Package) -> dict[tuple[str, str], object]:
    """What an agent that has left counted, by subject and kind."""
    columns = package.reference().profile.spec.columns
    with closing(SqliteBatchStore(state / "agent.db", wait_s=0.0)) as store:
        (batch,) = store.batches()
    (entry,) = batch.entries
    return {
        (columns[index].subject, columns[index].spec.kind): column
        for index, column in entry.profile.items()
    }


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("unknown", r"needs the plugin 'unknown' \(edgefleet\.preprocessing\), which is not"),
        ("number", "is a int and cannot be called"),
        ("broken", "row 0: preprocessing 'broken' failed on it: RuntimeError: out of order"),
    ],
)
def test_a_conversion_says_what_is_wrong_with_a_plugin(name: str, said: str) -> None:
    with pytest.raises(EdgeError, match=said):
        converted(pre=name)


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a"], "'a' is no SUBJECT=KIND, such as age=extremes"),
        (["age=largest"], r"there is no 'age' to count .*known: 'pixel"),
        (["pixel_0=smallest"], "statistic kind 'smallest' is unknown here"),
        (["pixel_0=moments"], "'moments' is one of edgefleet's own"),
        (["pixel_0=misnamed"], "which has the kind 'largest': it must be a class"),
        (["pixel_0=nothing"], "is 3, which lacks arity"),
        (["pixel_0=gone"], "plugin 'gone' .* cannot be loaded: AttributeError"),
        (["pixel_0=largest", "pixel_0=largest"], "of 'pixel_0' is asked for twice"),
        (['pixel_0={"kind": "largest", "kept": 0}'], "a whole number from 1 to 100"),
        (["pixel_0={kind}"], "is no JSON"),
        (['pixel_0={"kept": 3}'], "is no object with kind"),
    ],
)
def test_statistics_that_cannot_be_are_refused(texts: list[str], said: str) -> None:
    feature = Feature("pixel_0", 0, 0)
    manifest = replace(digits().package.manifest, features=(feature,))
    rows = np.zeros((4, 4), np.float32)

    with pytest.raises(UsageError, match=said):
        custom_columns(manifest, rows, texts)
