"""Trees are tried where their answers change, and rounding of the source itself is no fault."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import BaggingRegressor, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from converters.base import SOURCES, ConversionWarning, Request
from converters.card import card_of
from converters.convert import convert
from converters.parity import check_parity
from converters.runtime import OnnxModel
from converters.sklearn_more.trees import float32_at_most
from converters.sklearn_thresholds import thresholds_of
from converters.thresholds import threshold_probes
from edge_contract.errors import PackageError
from tests.converters.helpers import flowers, quietly_converted, says

STEPS = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
HEIGHTS = np.array([0.0, 0.0, 9.0, 9.0])


def single_rows() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fewer rows than bins, so that thresholds lie halfway between two of them."""
    rows = np.random.default_rng(5).normal(size=(120, 2)).astype(np.float32)
    return rows, rows[:, 0] + rows[:, 1]


def test_thresholds_are_rounded_down_to_float32() -> None:
    above = 1.0 + 2.0**-24  # between 1 and the next float32

    assert float32_at_most(np.array([1.0, above, -above])).tolist() == [1.0, 1.0, -1.0 - 2.0**-23]


def test_thresholds_are_those_of_the_trees_that_see_the_rows() -> None:
    tree = DecisionTreeRegressor().fit(STEPS, HEIGHTS)
    forest = RandomForestRegressor(2, bootstrap=False).fit(STEPS, HEIGHTS)
    hidden = make_pipeline(StandardScaler(), DecisionTreeRegressor()).fit(STEPS, HEIGHTS)

    assert list(thresholds_of(tree)) == [(0, 1.5)]
    assert list(thresholds_of(forest)) == [(0, 1.5), (0, 1.5)]
    assert list(thresholds_of(hidden)) == []


def test_columns_of_trees_that_see_some_are_those_of_the_rows() -> None:
    bag = BaggingRegressor(DecisionTreeRegressor(), n_estimators=8, max_features=1, random_state=0)
    bag.fit(STEPS[:, ::-1], HEIGHTS)  # the column that counts is now the second

    assert {threshold.column for threshold in thresholds_of(bag)} == {1}


def test_a_row_is_tried_at_a_threshold_and_one_step_beside_it() -> None:
    rows = STEPS.astype(np.float32)
    model = DecisionTreeRegressor().fit(rows, HEIGHTS)
    converted = next(iter(SOURCES["scikit-learn"].conversions(Request(model, rows))))

    (probe,) = threshold_probes(converted)

    assert isinstance(probe.rows, np.ndarray)
    step = 2.0**-23
    assert probe.rows[:, 0].tolist() == [1.5 - step, 1.5, 1.5 + step]
    assert probe.changed == ("x0", "x0", "x0")


def test_a_threshold_rounded_to_the_wrong_side_is_refused() -> None:
    rows, values = single_rows()
    model = HistGradientBoostingRegressor(max_iter=5).fit(rows, values)
    down, nearest, *_ = SOURCES["scikit-learn"].conversions(Request(model, rows))

    check_parity(down, OnnxModel(down.model, what="it"))
    with pytest.raises(PackageError, match="value at a threshold"):
        check_parity(nearest, OnnxModel(nearest.model, what="it"))


def test_rows_that_the_source_rounds_itself_may_be_told_as_it_tells_finer_ones() -> None:
    rows = flowers()[0].to_numpy(dtype=np.float32)
    model = RBFSampler(n_components=8, random_state=0)

    said = [
        quietly_converted(model.fit(given), given).manifest.evidence.parity["source_rounds"]
        for given in (rows / 64, rows + 1024)
    ]

    assert said[0] == {}
    assert isinstance(said[1], dict)
    assert "rows of X" in said[1]


def test_who_converts_is_told_how_far_the_source_rounds_his_rows() -> None:
    random = np.random.default_rng(1)
    rows = random.normal(size=(300, 5)).astype(np.float32)
    model = make_pipeline(Nystroem(kernel="poly", random_state=0), Ridge()).fit(rows, rows[:, 0])

    with pytest.warns(ConversionWarning) as heard:
        package = convert(model, rows, name="rounds", version="1.0.0")

    (said,) = [str(it.message) for it in heard if "rounds float32" in str(it.message)]
    assert "of 300 rows of X it says something else than of the same numbers as float64" in said
    (detail,) = [it for it in card_of(package) if it.title == "Parity in detail"]
    assert "rows of X that the source's float32 changes" in [row[0] for row in detail.rows]


def test_ends_of_an_isotonic_regression_and_edges_of_bins_are_tried_too() -> None:
    isotonic = IsotonicRegression().fit(STEPS[:, 0], HEIGHTS)
    bins = KBinsDiscretizer(2, strategy="uniform", encode="ordinal").fit(STEPS[:, :1])

    assert list(thresholds_of(isotonic)) == [(0, 0.0), (0, 3.0)]
    assert list(thresholds_of(bins)) == [(0, 1.5)]


def test_the_ends_of_a_range_of_float64_still_belong_to_it_as_float32() -> None:
    rows = np.array([[0.1], [0.7], [1.3], [1.9]])  # 0.1 and 1.9 are no float32
    model = IsotonicRegression().fit(rows[:, 0], HEIGHTS)

    package = quietly_converted(model, rows[1:3])

    found = says(package, {"X": rows.astype(np.float32)})["variable"]
    assert found == pytest.approx(model.predict(rows[:, 0]))
