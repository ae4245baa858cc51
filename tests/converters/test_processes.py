"""Gaussian processes, and other functions that ONNX has not: on rows that nobody checked."""

from typing import Final

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    RBF,
    ConstantKernel,
    DotProduct,
    ExpSineSquared,
    Matern,
    PairwiseKernel,
    RationalQuadratic,
    WhiteKernel,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, QuantileTransformer

from edge_contract.errors import UsageError
from tests.converters.helpers import Labels, quietly_converted, says

_RNG: Final = np.random.default_rng(2)
_ROWS: Final = _RNG.normal(size=(90, 2)).astype(np.float32).astype(np.float64)
_UNSEEN: Final = (_RNG.normal(size=(400, 2)) * 2).astype(np.float32).astype(np.float64)
_SUM: Final = _ROWS[:, 0] + _ROWS[:, 1] ** 2
_KERNELS: Final = {
    "default": None,
    "sum and product": 2.0 * RBF([1.0, 2.0]) + WhiteKernel(0.1) + DotProduct(0.5) ** 2,
    "rough": Matern(nu=0.5) + Matern([1.0, 3.0], nu=1.5) * ConstantKernel(0.5) + Matern(nu=2.5),
    "endlessly smooth": Matern(nu=np.inf) + RationalQuadratic(1.5, 0.7),
    "waves": ExpSineSquared(2.0, 3.0) + PairwiseKernel(metric="laplacian"),
    "pairs": PairwiseKernel(metric="cosine") + PairwiseKernel(metric="poly", gamma=0.1),
}


def found_by(model: BaseEstimator) -> list[Labels]:
    package = quietly_converted(model, _ROWS[:30])
    return list(says(package, {"X": _UNSEEN.astype(np.float32)}).values())


@pytest.mark.parametrize("kernel", _KERNELS)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_process_says_the_class_and_its_probabilities(kernel: str, classes: int) -> None:
    labels = np.array(["\u00e9", "b", "c"])[np.digitize(_SUM, [0.3, 1.2][: classes - 1])]
    model = GaussianProcessClassifier(_KERNELS[kernel], optimizer=None).fit(_ROWS, labels)

    label, probabilities = found_by(model)

    assert label.tolist() == model.predict(_UNSEEN).tolist()
    assert probabilities == pytest.approx(model.predict_proba(_UNSEEN), abs=1e-6)


def test_processes_of_pairs_have_no_probabilities_and_vote() -> None:
    model = GaussianProcessClassifier(optimizer=None, multi_class="one_vs_one")
    model.fit(_ROWS, np.digitize(_SUM, [0.3, 1.2]))

    (label,) = found_by(model)

    assert label.tolist() == model.predict(_UNSEEN).tolist()


@pytest.mark.parametrize("kernel", _KERNELS)
def test_a_process_predicts_also_where_next_to_nothing_is_left(kernel: str) -> None:
    model = GaussianProcessRegressor(_KERNELS[kernel], alpha=0.1, optimizer=None)
    model.fit(_ROWS, np.column_stack([_SUM, -_SUM]))

    (found,) = found_by(model)

    assert found == pytest.approx(model.predict(_UNSEEN), rel=1e-4, abs=1e-5)


def test_a_kernel_that_a_device_has_not_is_named() -> None:
    model = GaussianProcessRegressor(Matern(nu=0.7), optimizer=None).fit(_ROWS, _SUM)

    with pytest.raises(UsageError, match=r"kernel Matern\(.* known are ConstantKernel, White"):
        quietly_converted(model, _ROWS)


def test_a_process_that_saw_no_rows_is_not_fitted() -> None:
    with pytest.raises(UsageError, match="GaussianProcessRegressor is not fitted"):
        quietly_converted(GaussianProcessRegressor(), _ROWS)


@pytest.mark.parametrize("quantiles", [5, 60])
def test_quantiles_become_those_of_the_normal_distribution(quantiles: int) -> None:
    rows = np.where(_ROWS > 1, 1.0, _ROWS)
    model = QuantileTransformer(n_quantiles=quantiles, output_distribution="normal").fit(rows)
    ends = np.array([[np.nan, 1e30], [-1e30, 0.0], [1.0, -9.0]])
    unseen = np.concatenate([_UNSEEN, rows, ends])

    package = quietly_converted(model, rows[:30])

    (found,) = says(package, {"X": unseen.astype(np.float32)}).values()
    assert found == pytest.approx(model.transform(unseen), abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("shape", ["normal", "uniform"])
def test_a_target_of_quantiles_is_turned_back(shape: str) -> None:
    turned = QuantileTransformer(n_quantiles=40, output_distribution=shape)
    model = TransformedTargetRegressor(Ridge(), transformer=turned).fit(_ROWS, _SUM**3)

    (found,) = found_by(model)

    assert found == pytest.approx(model.predict(_UNSEEN), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "function", [np.arcsinh, np.arctan, np.sinh, np.cosh, np.deg2rad, np.isnan]
)
def test_functions_are_right_near_zero_and_far_from_it(function: np.ufunc) -> None:
    sizes = np.geomspace(1e-30, 80, 200)
    rows = np.concatenate([sizes, -sizes, [0.0, np.nan]]).reshape(-1, 1).astype(np.float32)

    package = quietly_converted(FunctionTransformer(function), rows[:100])

    (found,) = says(package, {"X": rows}).values()
    wanted = function(rows.astype(np.float64)).ravel().astype(np.float64)
    assert found.ravel() == pytest.approx(wanted, rel=1e-6, abs=1e-40, nan_ok=True)


def test_a_mean_that_an_imputer_puts_in_often_is_no_reason_to_refuse_quantiles() -> None:
    rng = np.random.default_rng(12)
    rows = rng.normal(30_000, 5_000, size=(300, 2))
    labels = rows[:, 0] > 31_000
    rows[rng.random(rows.shape) < 0.15] = np.nan
    quantiles = QuantileTransformer(n_quantiles=40, output_distribution="normal")
    model = make_pipeline(SimpleImputer(), quantiles, LogisticRegression()).fit(rows, labels)

    package = quietly_converted(model, rows[:100])

    found = list(says(package, {"X": rows}).values())[1]
    assert found == pytest.approx(model.predict_proba(rows), abs=1e-4)
