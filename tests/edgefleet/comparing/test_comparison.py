import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cloud_sync.api.json_views import view_to_json
from edge_contract.errors import UsageError
from edgefleet.comparing.comparison import Comparison, compare_files
from edgefleet.report.content import files_report
from edgefleet.report.html import html_of
from tests.support.packages import binary, mixed, regression

CITIES = ["oslo", "bergen", "tromso"]


def table(
    rows: int, *, seed: int, shift: float = 0.0, shares: Sequence[float] = (0.6, 0.3, 0.1)
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "load": rng.normal(1000.0 + shift, 5.0, rows),
            "count": rng.poisson(3.0, rows),
            "city": rng.choice(CITIES, rows, p=shares),
        }
    )


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    table(6000, seed=1).to_parquet(tmp_path / "reference.parquet")
    return tmp_path / "reference.parquet"


def compared(reference: Path, current: pd.DataFrame, **options: object) -> Comparison:
    path = reference.with_name("current.parquet")
    current.to_parquet(path)
    return compare_files(reference, path, **options)  # type: ignore[arg-type]


def test_rows_of_the_same_kind_do_not_drift(reference: Path) -> None:
    found = compared(reference, table(3000, seed=2))

    assert not found.drifted
    assert found.notes == []
    assert len(found.statistics.features) == 3
    assert (found.statistics.rows, found.statistics.reference_rows) == (3000, 6000)


def test_a_moved_number_stands_first_with_all_its_distances(reference: Path) -> None:
    found = compared(reference, table(3000, seed=2, shift=2.0))

    assert found.findings.keys() == {"feature:load"}
    load = found.statistics.features[0]
    assert (load.subject, load.kind, load.drifted) == ("feature:load", "number", True)
    assert load.evidence >= 1.0
    assert 0.1 < load.ks < 0.3
    assert load.psi > 0.05
    assert 0.05 < load.jensen_shannon < 0.5
    assert load.wasserstein == pytest.approx(2.0, abs=0.4)
    assert load.live_summary["mean"] == pytest.approx(1002.0, abs=0.5)


def test_new_and_shifted_categories_are_found_by_name(reference: Path) -> None:
    current = table(3000, seed=2, shares=(0.4, 0.5, 0.1))
    current.loc[:200, "city"] = "hamar"

    city = compared(reference, current).statistics.features[0]

    assert (city.subject, city.drifted) == ("feature:city", True)
    assert city.labels == ["oslo", "bergen", "tromso", "(new)"]
    assert city.new_fraction == pytest.approx(201 / 3000)
    assert math.isnan(city.wasserstein)


def test_missing_and_extra_columns_are_named(reference: Path) -> None:
    current = table(3000, seed=2).drop(columns="count").assign(extra=1.0)

    found = compared(reference, current, without=["city"])

    assert found.notes == [
        "missing in the current file, not compared: count",
        "not in the reference, not compared: extra",
        "left out: city (asked for)",
    ]
    assert [feature.subject for feature in found.statistics.features] == ["feature:load"]


def test_values_that_go_missing_drift(reference: Path) -> None:
    current = table(3000, seed=2)
    current.loc[:300, "load"] = None

    load = compared(reference, current).statistics.features[0]

    assert (load.subject, load.drifted) == ("feature:load", True)
    assert load.missing_fraction == pytest.approx(301 / 3000)


def test_the_level_is_that_of_all_columns_together(tmp_path: Path) -> None:
    """Evidence is in proportion to the level, and shared by the columns."""
    reference = tmp_path / "reference.parquet"
    flags = np.random.default_rng(1).permutation([0] * 5000 + [1] * 5000)
    pd.DataFrame({"flag": flags}).to_parquet(reference)
    current = pd.DataFrame({"flag": [0] * 420 + [1] * 580})

    strict = compared(reference, current, level=1e-6).statistics.features[0]
    loose = compared(reference, current, level=1e-3).statistics.features[0]
    pd.DataFrame({"flag": flags, "other": flags}).to_parquet(reference)
    shared = compared(reference, current.assign(other=0.5), level=1e-6, without=["x"])

    assert 0.0 < strict.evidence < 1.0
    assert loose.evidence / strict.evidence == pytest.approx(1000.0, rel=1e-6)
    [half] = [f for f in shared.statistics.features if f.subject == "feature:flag"]
    assert half.evidence == pytest.approx(strict.evidence / 2, rel=1e-6)


def test_false_alarms_are_rarer_than_the_level(tmp_path: Path) -> None:
    reference = tmp_path / "reference.npz"
    np.savez(reference, np.random.default_rng(1).normal(size=(5000, 10)).astype(np.float32))
    alarms = 0
    for seed in range(12):
        current = tmp_path / "current.npz"
        rows = np.random.default_rng(100 + seed).normal(size=(1000, 10))
        np.savez(current, rows.astype(np.float32))
        alarms += compare_files(reference, current, level=0.05).drifted

    assert alarms <= 1


def test_sorted_rows_ask_for_more_evidence_unless_told_otherwise(tmp_path: Path) -> None:
    reference = tmp_path / "reference.parquet"
    table(6000, seed=1).sort_values("load").to_parquet(reference)
    current = table(3000, seed=2, shift=1.0)

    careful = compared(reference, current)
    told = compared(reference, current, independent_rows=True)

    assert "neighbouring rows of the reference resemble each other" in careful.notes[0]
    assert told.notes == []
    assert told.drifted
    assert careful.statistics.features[0].evidence < told.statistics.features[0].evidence


def test_a_model_is_scored_and_measured_on_both_files(tmp_path: Path) -> None:
    example = mixed()
    package = tmp_path / "customers.modelpkg"
    package.write_bytes(example.package.to_archive())
    rng = np.random.default_rng(7)
    rows = example.rows.sample(2000, replace=True, random_state=1).reset_index(drop=True)
    truth = ((rows["age"] > 50) ^ (rows["city"] == "oslo")).astype(int)
    rows["left"] = truth
    worse = rows.assign(
        age=rows["age"] + 15.0, left=np.where(rng.random(2000) < 0.3, 1 - truth, truth)
    )
    rows.to_csv(tmp_path / "reference.csv", index=False)
    worse.to_csv(tmp_path / "current.csv", index=False)

    found = compare_files(
        tmp_path / "reference.csv", tmp_path / "current.csv", model=package, label="left"
    )

    assert {"prediction", "feature:age"} <= found.findings.keys()
    assert "feature:left" not in {feature.subject for feature in found.statistics.features}
    before, now = found.statistics.held_out["accuracy"], found.statistics.labelled["accuracy"]
    assert isinstance(before, float)
    assert isinstance(now, float)
    assert now < before
    assert found.statistics.labelled["rows"] == 2000
    assert found.statistics.estimated["rows"] == 2000
    assert {share.name for share in found.statistics.classes} == {"0", "1"}
    assert not any("left" in note for note in found.notes)


def test_a_matrix_is_scored_by_the_order_of_its_columns(tmp_path: Path) -> None:
    example = regression()
    package = tmp_path / "sums.modelpkg"
    package.write_bytes(example.package.to_archive())
    rng = np.random.default_rng(3)
    np.savez(tmp_path / "a.npz", rng.normal(size=(3000, 2)).astype(np.float32))
    np.savez(tmp_path / "b.npz", rng.normal(0.5, 1.0, size=(3000, 2)).astype(np.float32))

    found = compare_files(tmp_path / "a.npz", tmp_path / "b.npz", model=package)

    assert found.findings.keys() >= {"feature:x0", "feature:x1", "prediction"}


def test_labels_the_model_does_not_know_are_counted_and_not_shown(tmp_path: Path) -> None:
    example = binary()
    package = tmp_path / "gate.modelpkg"
    package.write_bytes(example.package.to_archive())
    frame = pd.DataFrame(example.rows, columns=["x0", "x1", "x2"])
    frame["truth"] = example.labels
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.loc[:4, "truth"] = "kari@example.org"
    frame.to_csv(tmp_path / "b.csv", index=False)

    found = compare_files(tmp_path / "a.csv", tmp_path / "b.csv", model=package, label="truth")

    assert "5 labels are none that the model knows" in found.notes
    assert not any("kari" in note for note in found.notes)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"level": 0.0}, "false alarms must be above 0 and below 1"),
        ({"level": 1.0}, "false alarms must be above 0 and below 1"),
        ({"label": "left"}, "add --model PACKAGE"),
        ({"without": ["load", "count", "city"]}, "no column of numbers or texts"),
    ],
)
def test_what_makes_no_sense_is_refused(
    reference: Path, options: dict[str, object], complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        compared(reference, table(10, seed=1), **options)


def test_files_without_a_column_in_common_are_refused(reference: Path) -> None:
    with pytest.raises(UsageError, match="no column in common: the reference has load, count"):
        compared(reference, pd.DataFrame({"other": [1.0]}))


def awkward(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(rows)
    return pd.DataFrame(
        {
            "constant": np.ones(rows),
            "all_missing": np.full(rows, np.nan),
            "subnormal": np.full(rows, 1e-42),
            "infinite": np.where(rng.random(rows) < 0.3, np.inf, rng.normal(size=rows)),
            "past_float32": 1e300 * rng.normal(size=rows),
            "large_whole": rng.integers(2**40, 2**50, rows),
            "far_from_zero": 1e9 + rng.normal(size=rows),
            "flag": rng.random(rows) < 0.5,
            "when": pd.date_range("2026-01-01", periods=rows, freq="s"),
            "text": rng.choice(["a", "b"], rows),
        }
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("known", "seen"), [(50, 50), (3000, 1), (3000, 500), (1, 3000)])
def test_awkward_numbers_and_few_rows_raise_no_alarm_and_can_be_shown(
    tmp_path: Path, known: int, seen: int
) -> None:
    awkward(known).to_parquet(tmp_path / "reference.parquet")

    found = compared(tmp_path / "reference.parquet", awkward(seen))
    page = html_of(files_report(found))

    assert not found.drifted
    assert "when (it holds times)" in found.notes[0]
    assert "nan" not in page.replace("all_missing", "")
    assert json.dumps(view_to_json(found.statistics), allow_nan=False)
