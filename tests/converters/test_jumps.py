"""Trees behind other steps say the same on both sides of every place where their answer jumps."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import onnx
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import AttributeProto, numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from converters.base import SOURCES, Converted, Request
from converters.jumps import jump_probes
from converters.number_line import FLOAT32, FLOAT64, middle_of
from converters.parity import check_parity
from converters.runtime import OnnxModel
from converters.sklearn_precision import in_single_precision, trees_see_computed
from edge_contract.errors import PackageError
from tests.converters.helpers import quietly_converted, says

catboost = pytest.importorskip("catboost")
lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

STEPS: Final = np.array([[0.0], [1.0], [2.0], [3.0]])
HEIGHTS: Final = np.array([0.0, 0.0, 9.0, 9.0])


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than these few rows."""
    with threadpool_limits(1):
        yield


def numbers(rows: int = 160) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows as devices send them, of float32, in float64; and what is to be learnt of them."""
    random = np.random.default_rng(7)
    wide = np.column_stack(
        [
            random.normal(size=rows) * 30 + 1000,
            random.integers(0, 9, rows),
            np.exp(random.normal(size=rows)),
        ]
    )
    single = wide.astype(np.float32).astype(np.float64)
    return single, np.sin(single[:, 0]) + single[:, 1] * 0.3 + np.sqrt(single[:, 2])


def lightgbm_model() -> object:
    return lightgbm.LGBMRegressor(n_estimators=20, min_child_samples=3, verbose=-1, n_jobs=1)


def xgboost_model() -> object:
    return xgboost.XGBRegressor(n_estimators=10, max_depth=4, n_jobs=1)


def catboost_model() -> object:
    return catboost.CatBoostRegressor(
        iterations=10, depth=4, verbose=0, allow_writing_files=False, thread_count=1
    )


def histogram_model() -> object:
    return HistGradientBoostingRegressor(max_iter=10, min_samples_leaf=3)


def forest() -> object:
    return RandomForestRegressor(5, random_state=0)


def conversions(model: object, rows: object) -> Iterator[Converted]:
    assert isinstance(rows, np.ndarray | pd.DataFrame)
    yield from SOURCES["scikit-learn"].conversions(Request(model, rows))


def converted(model: object, rows: object) -> Converted:
    return next(conversions(model, rows))


def neighbours(values: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield numbers and the float32 next to them on both sides."""
    for end in (-np.inf, np.inf):
        yield np.nextafter(values, np.float32(end))
    yield values


def sides(model: Pipeline, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows on both sides of where the model's answer jumps between one row and the next."""
    found = []
    for column in range(rows.shape[1]):
        low, high = rows[:-1].copy(), rows[:-1].copy()
        high[:, column] = rows[1:, column]
        ends = model.predict(low), model.predict(high)
        low, high, first = (it[ends[0] != ends[1]] for it in (low, high, ends[0]))
        for _ in range(40):
            middle = low.copy()
            middle[:, column] = ((low[:, column] + high[:, column]) / 2).astype(np.float32)
            if ((middle == low) | (middle == high)).all():  # no float32 lies between
                break
            is_first = model.predict(middle) == first
            low[is_first] = middle[is_first]
            high[~is_first] = middle[~is_first]
        for values in neighbours(low[:, column].astype(np.float32)):
            beside = low.copy()
            beside[:, column] = values
            found.append(beside)
    return np.concatenate(found)


BEHIND: Final[dict[str, Callable[[], Pipeline]]] = {
    "LightGBM behind a scaler": lambda: make_pipeline(StandardScaler(), lightgbm_model()),
    "LightGBM behind splines": lambda: make_pipeline(SplineTransformer(), lightgbm_model()),
    "LightGBM behind two scalers": lambda: make_pipeline(
        MinMaxScaler(), StandardScaler(), lightgbm_model()
    ),
    "XGBoost behind components": lambda: make_pipeline(PCA(2), xgboost_model()),
    "XGBoost behind products": lambda: make_pipeline(PolynomialFeatures(3), xgboost_model()),
    "CatBoost behind powers": lambda: make_pipeline(PowerTransformer(), catboost_model()),
    "histograms behind quantiles": lambda: make_pipeline(
        QuantileTransformer(n_quantiles=20), histogram_model()
    ),
    "histograms behind a union": lambda: make_pipeline(
        FeatureUnion([("a", StandardScaler()), ("b", PCA(1))]), histogram_model()
    ),
    "a forest behind powers and components": lambda: make_pipeline(
        PowerTransformer(), PCA(2), forest()
    ),
    "a vote behind a scaler": lambda: make_pipeline(
        StandardScaler(), VotingRegressor([("a", lightgbm_model()), ("b", forest())])
    ),
}


@pytest.mark.parametrize("case", BEHIND)
def test_trees_behind_other_steps_are_right_on_both_sides_of_every_jump(case: str) -> None:
    rows, values = numbers()
    model = BEHIND[case]().fit(rows, values)

    package = quietly_converted(model, rows[:60])

    beside = sides(model, rows)
    found = says(package, {"X": beside.astype(np.float32)})["variable"]
    assert len(beside) > 200
    assert found == pytest.approx(model.predict(beside), rel=1e-5)


def test_missing_and_extreme_numbers_take_the_same_way_behind_a_scaler() -> None:
    rows, values = numbers()
    rows[::7, 1] = np.nan
    model = make_pipeline(StandardScaler(), lightgbm_model()).fit(rows, values)
    extremes = np.array([np.nan, 0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e30, 1e30, 3e38])
    hostile = np.repeat(rows[1:2], 3 * len(extremes), axis=0)
    hostile[np.arange(len(hostile)), np.arange(len(hostile)) % 3] = np.repeat(extremes, 3)
    sent = hostile.astype(np.float32)

    package = quietly_converted(model, rows[:60])

    found = says(package, {"X": sent})["variable"]
    assert found == pytest.approx(model.predict(sent.astype(np.float64)), rel=1e-5)


@pytest.mark.parametrize("step", [PCA(2), PowerTransformer()])
def test_what_float32_leaves_undecided_on_the_way_to_trees_is_counted(step: object) -> None:
    rows, values = numbers()
    single = rows.astype(np.float32)
    model = make_pipeline(step, forest()).fit(single, values)

    parity = quietly_converted(model, single[:60]).manifest.evidence.parity

    undecided, asked = parity["undecided_rows"], parity["made_up_rows"]
    assert isinstance(undecided, dict)
    assert isinstance(asked, dict)
    assert set(undecided) == {"value beside a jump"}
    assert 0 < undecided["value beside a jump"] < asked["value beside a jump"] / 2


def test_steps_that_every_machine_rounds_alike_leave_nothing_undecided() -> None:
    rows, values = numbers()
    single = rows.astype(np.float32)
    model = make_pipeline(StandardScaler(), forest()).fit(single, values)

    assert not quietly_converted(model, single[:60]).manifest.evidence.parity["undecided_rows"]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_at_thresholds_whose_float32_the_source_rounds_are_refused_with_a_way_out(
    kind: type[np.floating],
) -> None:
    single = numbers()[0].astype(np.float32)
    model = make_pipeline(PowerTransformer(), xgboost_model()).fit(single, numbers()[1])

    if kind is np.float64:
        quietly_converted(model, single.astype(kind))
        return
    with pytest.raises(PackageError, match=r"fit on X\.astype\('float64'\)"):
        quietly_converted(model, single)


def test_scalers_and_products_of_float32_are_rounded_at_every_step() -> None:
    rows, values = numbers()
    single = rows.astype(np.float32)
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2), lightgbm_model())
    model.fit(single, values)

    package = quietly_converted(model, single[:60])

    beside = sides(model, rows).astype(np.float32)
    found = says(package, {"X": beside})["variable"]
    assert found == pytest.approx(model.predict(beside), rel=1e-5)


def test_rows_that_float32_would_round_to_another_answer_are_given_as_float64() -> None:
    rows = np.random.default_rng(3).normal(size=(160, 3)) * 10
    values = rows[:, 0] + np.abs(rows[:, 1])
    model = make_pipeline(StandardScaler(), xgboost_model()).fit(rows, values)

    package = quietly_converted(model, rows)

    assert [spec.element_type for spec in package.manifest.inputs] == ["float64"]
    assert says(package, {"X": rows})["variable"] == pytest.approx(model.predict(rows), rel=1e-5)
    reason = str(package.manifest.evidence.parity["float64_inputs"])
    assert reason.startswith("column 'x0' has more digits than a float32, and trees behind")


def test_a_jump_is_found_between_two_neighbouring_float32() -> None:
    model = make_pipeline(StandardScaler(), DecisionTreeRegressor()).fit(STEPS, HEIGHTS)

    (probe,) = jump_probes(converted(model, STEPS))

    assert isinstance(probe.rows, np.ndarray)
    step = 2.0**-23
    near = {it for it in probe.rows[:, 0].tolist() if abs(it - 1.5) < 3 * step}
    assert near == {1.5 - step, 1.5, 1.5 + step, 1.5 + 2 * step}
    assert set(probe.changed) == {"x0"}
    assert len(probe.beside) == 2


def test_a_jump_is_found_between_two_neighbouring_float64_if_inputs_are() -> None:
    model = make_pipeline(StandardScaler(), DecisionTreeRegressor()).fit(STEPS, HEIGHTS)
    (wide,) = (it for it in conversions(model, STEPS) if it.takes_float64)

    (probe,) = jump_probes(wide)

    assert isinstance(probe.rows, np.ndarray)
    step = 2.0**-52
    near = {it for it in probe.rows[:, 0].tolist() if abs(it - 1.5) < 4 * step}
    assert {1.5, 1.5 + step} <= near
    assert len(near) == 4
    assert probe.beside == ()


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0, 1e-45, -1e-45, 1.0, -1.0, 3.4e38, -3.4e38],
        [0.0, 5e-324, -5e-324, 1.5, -1.5, 1.7e308, -1.7e308],
    ],
)
def test_places_of_numbers_are_in_their_order_and_lead_back_to_them(values: list[float]) -> None:
    line = FLOAT32 if len(values) == 8 else FLOAT64
    given = line.rounded(np.sort(np.array(values)))

    places = line.place_of(given)

    assert (np.diff(places) >= 0).all()
    assert (line.at(places) == given).all()
    beyond = line.at(places + 1).astype(line.kind)
    assert (beyond == np.nextafter(given, line.kind(np.inf))).all()


def test_the_middle_of_places_far_apart_does_not_overflow() -> None:
    ends = FLOAT64.place_of(np.array([1.7e308, -1.7e308]))

    assert middle_of(ends, ends).tolist() == ends.tolist()
    assert middle_of(ends, ends[::-1]).tolist() == [0, 0]


def test_a_jump_of_a_table_is_looked_for_in_its_float_columns_alone() -> None:
    table = pd.DataFrame({"whole": [0, 1, 2, 3], "real": STEPS[:, 0]})
    model = make_pipeline(StandardScaler(), DecisionTreeRegressor(random_state=0))
    model.fit(table, HEIGHTS)

    probes = list(jump_probes(converted(model, table)))

    assert {name for probe in probes for name in probe.changed} <= {"real"}


def test_trees_that_see_the_rows_as_they_are_are_not_asked_for_jumps() -> None:
    model = make_pipeline(SelectKBest(k=1), DecisionTreeRegressor()).fit(STEPS, HEIGHTS)

    assert list(jump_probes(converted(model, STEPS))) == []


def with_trees(right: Converted, change: Callable[[AttributeProto], None]) -> Converted:
    """A conversion whose trees were changed."""
    graph = onnx.load_from_string(right.model)
    for node in graph.graph.node:
        for attribute in node.attribute if node.op_type.startswith("TreeEnsemble") else ():
            change(attribute)
    return replace(right, model=graph.SerializeToString())


def moved(by: float) -> Callable[[AttributeProto], None]:
    def change(attribute: AttributeProto) -> None:
        if attribute.name == "nodes_values_as_tensor":
            values = numpy_helper.to_array(attribute.t)
            attribute.t.CopyFrom(numpy_helper.from_array(values + by))

    return change


def strict(attribute: AttributeProto) -> None:
    if attribute.name == "nodes_modes":
        modes = [mode.replace(b"BRANCH_LEQ", b"BRANCH_LT") for mode in attribute.strings]
        attribute.strings[:] = modes


def turned(attribute: AttributeProto) -> None:
    if attribute.name == "nodes_missing_value_tracks_true":
        attribute.ints[:] = [1 - flag for flag in attribute.ints]


@pytest.mark.parametrize(
    ("step", "kind", "change"),
    [
        (StandardScaler(), np.float64, moved(1e-6)),
        (PCA(2), np.float64, moved(1e-6)),
        (PCA(2), np.float32, moved(0.02)),
        (MinMaxScaler((0, 2)), np.float32, strict),
        (StandardScaler(), np.float32, turned),
    ],
)
def test_trees_that_are_wrong_are_refused_whatever_the_source_rounds(
    step: object, kind: type[np.floating], change: Callable[[AttributeProto], None]
) -> None:
    rows, values = numbers()
    rows[::9, 2] = np.nan if change is turned else 1.0
    given = rows.astype(kind)
    model = make_pipeline(step, lightgbm_model()).fit(given, values)
    right = converted(model, given[:60])
    wrong = with_trees(right, change)

    check_parity(right, OnnxModel(right.model, what="it"))
    with pytest.raises(PackageError, match="not faithful"):
        check_parity(wrong, OnnxModel(wrong.model, what="it"))


def test_splines_are_exactly_zero_beyond_their_pieces() -> None:
    rows, _ = numbers()
    model = SplineTransformer(n_knots=4, degree=3).fit(rows)

    package = quietly_converted(model, rows[:60])

    expected = model.transform(rows)
    found = says(package, {"X": rows.astype(np.float32)})["variable"]
    assert ((found == 0) == (expected == 0)).all()
    assert found == pytest.approx(expected, rel=1e-6)


def test_powers_of_numbers_next_to_zero_keep_their_digits() -> None:
    rows = np.random.default_rng(2).normal(size=(60, 1)).astype(np.float32) * np.float32(1e-12)
    rows = rows.astype(np.float64)
    model = PowerTransformer(standardize=False).fit(rows)

    package = quietly_converted(model, rows)

    found = says(package, {"X": rows.astype(np.float32)})["variable"]
    assert found == pytest.approx(model.transform(rows), rel=1e-6, abs=0)


def test_steps_that_compute_in_float32_are_found_by_asking_them() -> None:
    table = pd.DataFrame({"a": STEPS[:, 0].astype(np.float32), "b": STEPS[:, 0]})
    parts = ColumnTransformer([("a", StandardScaler(), ["a"]), ("b", StandardScaler(), ["b"])])
    model = make_pipeline(parts, MinMaxScaler(), forest()).fit(table, HEIGHTS)

    assert in_single_precision(model, table) == {id(parts.named_transformers_["a"])}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (RandomForestRegressor(2), False),
        (make_pipeline(SelectKBest(k=1), RandomForestRegressor(2)), False),
        (make_pipeline(StandardScaler(), Ridge()), False),
        (VotingRegressor([("a", make_pipeline(StandardScaler(), Ridge()))]), False),
        (make_pipeline(StandardScaler(), RandomForestRegressor(2)), True),
        (StackingRegressor([("a", Ridge())], RandomForestRegressor(2), cv=2), True),
    ],
)
def test_whether_trees_see_computed_numbers(model: object, *, expected: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = getattr(model, "fit")(STEPS, HEIGHTS)  # noqa: B009  estimators have no types

    assert trees_see_computed(fitted) is expected


def test_columns_can_be_chosen_by_place_behind_another_step() -> None:
    rows, values = numbers()
    parts = ColumnTransformer([("a", PowerTransformer(), [2]), ("b", "passthrough", [0, 1])])
    model = make_pipeline(StandardScaler(), parts, lightgbm_model()).fit(rows, values)

    package = quietly_converted(model, rows[:60])

    found = says(package, {"X": rows.astype(np.float32)})["variable"]
    assert found == pytest.approx(model.predict(rows), rel=1e-5)
