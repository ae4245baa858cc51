"""Where errors of a regression are large is learned from rows that were held out."""

import numpy as np
import pytest
from numpy.typing import NDArray

from converters.error_model import error_model_of
from edge_contract.package import ErrorModel, Feature, Manifest, Task, TensorSpec
from edge_contract.stats import CENTRED, CategoriesSpec, Column, ProfileSpec, SketchSpec

Rows = NDArray[np.float32]
Numbers = NDArray[np.float64]

MANIFEST = Manifest(
    name="m",
    version="1.0.0",
    created="2026-02-03T04:05:06Z",
    task=Task.REGRESSION,
    inputs=(TensorSpec("x", "float32", ("n", 3)),),
    outputs=(),
    features=(
        Feature("a", 0, 0),
        Feature("b", 0, 1),
        Feature("kind", 0, 2, is_category=True, categories=("old", "new")),
    ),
)
CENTRE = SketchSpec(CENTRED, 0.0, 1.0)
SPEC = ProfileSpec(
    (
        Column("feature:a", CENTRE),
        Column("feature:b", CENTRE),
        Column("feature:kind", CategoriesSpec(2)),
        Column("prediction", CENTRE),
    )
)


def seen(rows: int, *, seed: int = 0) -> Rows:
    """Observed rows: two numbers, a category, no class, a prediction, no latency."""
    rng = np.random.default_rng(seed)
    table = np.full((rows, 6), np.nan, np.float32)
    table[:, :2] = rng.normal(size=(rows, 2))
    table[:, 2] = rng.integers(0, 2, rows)
    table[:, 4] = table[:, 0] + rng.normal(size=rows)
    return table


def with_errors(rows: Rows, sizes: Numbers, *, seed: int = 1) -> ErrorModel:
    """What is learned if errors are normal and as large as ``sizes``."""
    errors = sizes * np.random.default_rng(seed).normal(size=len(rows))
    found = error_model_of(MANIFEST, SPEC, rows, rows[:, 4] - errors)
    assert found is not None
    return found


def test_the_subject_that_matters_is_found_and_the_others_are_left_out() -> None:
    rows = seen(6000)

    found = with_errors(rows, 0.3 + np.abs(rows[:, 1].astype(np.float64)))

    assert [term.subject for term in found.terms] == ["feature:b"]
    (term,) = found.terms
    assert 0.15 < found.explained < 0.4
    far, middle = term.absolute[term.place_of(1.5)], term.absolute[term.place_of(0.1)]
    assert found.absolute + far == pytest.approx(0.798 * 1.8, rel=0.15)
    assert found.absolute + middle == pytest.approx(0.798 * 0.4, rel=0.15)


def test_subjects_that_matter_together_are_both_kept() -> None:
    rows = seen(8000)
    a, b = (np.abs(rows[:, k].astype(np.float64)) for k in (0, 1))

    found = with_errors(rows, 0.2 + a + b)

    assert {"feature:a", "feature:b"} <= {term.subject for term in found.terms}


def test_a_category_may_be_what_matters() -> None:
    rows = seen(4000)

    found = with_errors(rows, np.where(rows[:, 2] == 1, 3.0, 1.0))

    assert [term.subject for term in found.terms] == ["feature:kind"]
    (term,) = found.terms
    assert term.is_category
    assert found.absolute + term.absolute[term.place_of_category(1)] == pytest.approx(
        3 * 0.798, rel=0.05
    )
    assert found.squared + term.squared[term.place_of_category(0)] == pytest.approx(1.0, rel=0.1)


def test_errors_that_depend_on_nothing_are_their_mean() -> None:
    rows = seen(4000)

    found = with_errors(rows, np.full(4000, 2.0))

    assert found.terms == ()
    assert found.explained == 0.0
    assert found.absolute == pytest.approx(2 * 0.798, rel=0.05)
    assert found.squared == pytest.approx(4.0, rel=0.1)
    assert found.absolute_variance == pytest.approx(4 * (1 - 0.637), rel=0.1)


def test_over_the_rows_it_was_learned_from_a_term_adds_nothing() -> None:
    rows = seen(3000)

    found = with_errors(rows, 0.3 + np.abs(rows[:, 1].astype(np.float64)))

    for term in found.terms:
        assert sum(term.rows) == 3000
        total = sum(n * effect for n, effect in zip(term.rows, term.absolute, strict=True))
        assert total == pytest.approx(0.0, abs=1e-6)


def test_steps_end_where_buckets_of_the_sketch_do() -> None:
    rows = seen(3000)

    found = with_errors(rows, 0.3 + np.abs(rows[:, 1].astype(np.float64)))

    (term,) = found.terms
    edges = {CENTRE.edges_of(code)[0] for code in range(-90, 90)}
    assert len(term.cuts) > 10
    assert set(term.cuts) <= edges


def test_few_rows_teach_no_more_than_a_mean() -> None:
    rows = seen(40)

    found = with_errors(rows, 0.3 + np.abs(rows[:, 1].astype(np.float64)))

    assert found.terms == ()
    assert found.rows == 40


def test_missing_truths_and_values_are_put_up_with() -> None:
    rows = seen(2000)
    rows[::3, 1] = np.nan
    rows[1::7, 0] = np.inf
    truths = rows[:, 4].astype(np.float64) - np.where(np.isnan(rows[:, 1]), 5.0, 1.0)
    truths[::5] = np.nan

    found = error_model_of(MANIFEST, SPEC, rows, truths)

    assert found is not None
    assert found.rows == 1600
    (term,) = found.terms
    assert term.subject == "feature:b"
    assert found.absolute + term.absolute[0] == pytest.approx(5.0, abs=0.1)


def test_without_a_finite_error_nothing_is_learned() -> None:
    rows = seen(100)

    assert error_model_of(MANIFEST, SPEC, rows, np.full(100, np.nan)) is None


def test_a_model_that_is_never_wrong_has_no_errors_anywhere() -> None:
    rows = seen(500)

    found = error_model_of(MANIFEST, SPEC, rows, rows[:, 4].astype(np.float64))

    assert found is not None
    assert (found.absolute, found.squared, found.terms) == (0.0, 0.0, ())
