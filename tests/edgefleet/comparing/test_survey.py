import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from edge_contract.errors import UsageError
from edge_contract.stats import CENTRED, CategoriesSpec, MomentsSpec, SketchSpec
from edgefleet.comparing.survey import encoded, surveyed
from edgefleet.comparing.tables import tables_of


def csv(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_numbers_get_a_sketch_and_moments_and_texts_their_categories(tmp_path: Path) -> None:
    rows = "\n".join(f"{1000 + n % 7 / 10},{'oslo' if n % 3 else 'bergen'}" for n in range(30))

    plan = surveyed(csv(tmp_path / "rows.csv", f"load,city\n{rows}\n"))

    load, moments, city = plan.spec.columns
    assert (load.subject, moments.subject, city.subject) == (
        "feature:load", "feature:load", "feature:city",
    )  # fmt: skip
    assert isinstance(load.spec, SketchSpec)
    assert load.spec.mapping == CENTRED
    assert moments.spec == MomentsSpec()
    assert city.spec == CategoriesSpec(2)
    assert [feature.categories for feature in plan.features] == [(), ("oslo", "bergen")]


def test_a_text_of_fewer_than_three_rows_is_no_category(tmp_path: Path) -> None:
    rows = "\n".join(["oslo"] * 3 + ["bergen"] * 2 + ["kari@example.org"])

    plan = surveyed(csv(tmp_path / "rows.csv", f"city\n{rows}\n"))

    assert plan.features[0].categories == ("oslo",)


def test_a_column_of_names_is_left_out(tmp_path: Path) -> None:
    rows = "\n".join(f"{n},person {n}" for n in range(50))

    plan = surveyed(csv(tmp_path / "rows.csv", f"n,name\n{rows}\n"))

    assert [feature.name for feature in plan.features] == ["n"]
    assert plan.left_out == {"name": "none of its texts comes up 3 times"}


def test_a_column_that_turns_to_text_far_down_is_text_from_the_start(tmp_path: Path) -> None:
    rows = "\n".join(["07"] * 3000 + ["7a"] * 5)

    plan = surveyed(csv(tmp_path / "rows.csv", f"code\n{rows}\n"))

    assert plan.texts == {"code"}
    assert plan.features[0].categories == ("07", "7a")


def test_what_is_neither_number_nor_text_is_left_out_and_named(tmp_path: Path) -> None:
    lines = '{"n": 1, "tags": ["a"], "mixed": 1, "empty": null}\n' * 3
    (tmp_path / "rows.jsonl").write_text(f'{lines}{{"n": 2, "mixed": "one"}}\n')

    plan = surveyed(tmp_path / "rows.jsonl", without=["asked"])

    assert [feature.name for feature in plan.features] == ["n"]
    assert plan.left_out == {
        "asked": "asked for",
        "tags": "it holds nested values",
        "mixed": "it holds several kinds of values",
        "empty": "it holds nothing",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("a,b\n", "has no rows"), ("a\n\n", "has no rows"), ("a\n,\n", "row 1 has 2 values")],
)
def test_a_reference_without_anything_to_compare_is_refused(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        surveyed(csv(tmp_path / "rows.csv", text))


def test_codes_are_those_that_devices_count(tmp_path: Path) -> None:
    reference = csv(tmp_path / "a.csv", "n,city\n" + "1.5,oslo\n" * 3 + "2.5,bergen\n" * 4)
    plan = surveyed(reference)
    other = csv(tmp_path / "b.csv", "city,other\nbergen,1\noslo,1\n,1\nhamar,1\n")

    [rows] = [encoded(plan, table, name="b.csv") for table in tables_of(other)]

    assert all(math.isnan(value) for value in rows[:, 0])
    assert rows[:2, 1].tolist() == [0.0, 1.0]
    assert math.isnan(rows[2, 1])
    assert rows[3, 1] < 0


def test_texts_where_numbers_should_be_are_refused_without_showing_them(tmp_path: Path) -> None:
    plan = surveyed(csv(tmp_path / "a.csv", "age\n" + "30\n" * 5))
    other = csv(tmp_path / "b.csv", "age\n30\nkari@example.org\n")

    with pytest.raises(UsageError, match=r"column 'age' holds numbers .* text in b\.csv") as error:
        [encoded(plan, table, name="b.csv") for table in tables_of(other)]

    assert "kari" not in str(error.value)


def test_a_large_reference_is_surveyed_in_little_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    np.savez(tmp_path / "rows.npz", rng.normal(1000.0, 1.0, size=(400_000, 4)).astype(np.float32))
    tracemalloc.start()

    plan = surveyed(tmp_path / "rows.npz")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(plan.features) == 4
    assert plan.variance_inflation == 1.0
    assert peak_bytes < 30_000_000
    center = plan.spec.columns[0].spec
    assert isinstance(center, SketchSpec)
    assert center.center == pytest.approx(1000.0, abs=0.05)


def test_numbers_far_from_zero_are_told_apart_by_their_offset(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    far = 1e9 + rng.normal(0.0, 1.0, 500)
    path = tmp_path / "rows.npz"
    np.savez(path, far=far, near=rng.normal(100.0, 1.0, 500), same=np.full(500, 0.1))

    plan = surveyed(path)
    (table,) = tables_of(path)

    assert set(plan.offsets) == {"far", "same"}
    assert plan.offsets["far"] == pytest.approx(1e9, rel=1e-8)
    rows = encoded(plan, table, name="rows")
    assert rows[:, 0].std() == pytest.approx(1.0, abs=0.1)
    assert rows[:, 1].mean() == pytest.approx(100.0, abs=0.2)


def test_true_and_false_in_a_csv_file_are_numbers_like_those_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("flag,answer\n" + "True,true\nFALSE,maybe\n,true\n" * 5)

    plan = surveyed(path)
    (table,) = tables_of(path, texts=plan.texts)

    assert [feature.is_category for feature in plan.features] == [False, True]
    assert encoded(plan, table, name="rows")[:3, 0].tolist() == pytest.approx(
        [1.0, 0.0, float("nan")], nan_ok=True
    )
