"""Settings that skl2onnx leaves out or computes otherwise: right on rows that nobody checked."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.impute._iterative import IterativeImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, LocalOutlierFactor, RadiusNeighborsRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    Normalizer,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, OneClassSVM

from edge_contract.errors import EdgeError
from edge_contract.package import Package
from tests.converters.helpers import quietly_converted, says

Rows = NDArray[np.generic]
Made = Callable[[], BaseEstimator]

_NUMBERS: Final = np.random.default_rng(5).normal(size=(240, 4))
_WHOLE: Final = np.random.default_rng(6).integers(-3, 40, size=(240, 4))
_SUM: Final = _NUMBERS[:, 0] + _NUMBERS[:, 1] ** 2
_TWO: Final = np.where(_SUM > 0.8, "\u00e9t\u00e9", "hiver")
_THREE: Final = np.digitize(_SUM, [0.2, 1.5])
_SEVERAL: Final = np.column_stack([_SUM > 0, _SUM > 1]).astype(np.int64)


def with_gaps(marker: float) -> Rows:
    rows = _NUMBERS.copy()
    rows[np.random.default_rng(7).random(rows.shape) < 0.2] = marker
    return rows


def said(package: Package, rows: Rows) -> list[Rows]:
    return list(says(package, {"X": rows.astype(np.float32)}).values())


def require_same(model: BaseEstimator, rows: Rows, package: Package) -> None:
    """Compare the first answer, and the second where it is one of probabilities or scores."""
    methods = ["predict" if hasattr(model, "predict") else "transform"]
    methods += [it for it in ("predict_proba", "decision_function") if hasattr(model, it)]
    for method, found in zip(methods, said(package, rows), strict=False):
        wanted = getattr(model, method)(rows)
        wanted = np.asarray(wanted.toarray() if hasattr(wanted, "toarray") else wanted)
        if wanted.dtype.kind in "OUib":
            assert found.ravel().tolist() == wanted.ravel().tolist()
        else:
            assert found.ravel() == pytest.approx(wanted.ravel(), rel=1e-4, abs=1e-5, nan_ok=True)


CASES: Final[Mapping[str, tuple[Made, Rows, Rows | None]]] = {
    "a marker that is no float32": (
        lambda: SimpleImputer(missing_values=-999.1, add_indicator=True),
        with_gaps(-999.1),
        None,
    ),
    "a marker to look for": (
        lambda: MissingIndicator(missing_values=-999.1),
        with_gaps(-999.1),
        None,
    ),
    "a marker among neighbours": (
        lambda: KNNImputer(missing_values=-999.1, weights="distance"),
        with_gaps(-999.1),
        None,
    ),
    "gaps filled round by round": (
        lambda: IterativeImputer(max_iter=2, tol=10.0, random_state=0, add_indicator=True),
        with_gaps(np.nan),
        None,
    ),
    "a clipped scaler": (lambda: MaxAbsScaler(clip=True), _NUMBERS[::-1], None),
    "a largest number below zero": (lambda: Normalizer(norm="max"), -np.abs(_NUMBERS), None),
    "whole numbers, scaled before boosted trees": (
        lambda: make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=5)),
        _WHOLE,
        _TWO,
    ),
    "whole numbers, scaled before a forest": (
        lambda: make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
        _WHOLE,
        _THREE,
    ),
    "discriminants of two classes": (LinearDiscriminantAnalysis, _NUMBERS, _TWO),
    "truths as classes of a boosted model": (
        lambda: AdaBoostClassifier(n_estimators=4, random_state=0),
        _NUMBERS,
        _SUM > 0.8,
    ),
    "boosting that starts at zero": (
        lambda: GradientBoostingClassifier(n_estimators=3, init="zero"),
        _NUMBERS,
        _THREE,
    ),
    "boosting that starts at a model": (
        lambda: GradientBoostingClassifier(n_estimators=3, init=LogisticRegression()),
        _NUMBERS,
        _TWO,
    ),
    "calibrated scores of quadratic discriminants": (
        lambda: CalibratedClassifierCV(QuadraticDiscriminantAnalysis(), cv=2),
        _NUMBERS,
        _TWO,
    ),
    "bayes far from the rows": (GaussianNB, _NUMBERS * 4, _TWO),
    "a machine of a steep kernel": (lambda: SVR(kernel="poly"), _NUMBERS, _SUM),
    "a machine that breaks ties": (lambda: SVC(break_ties=True), _NUMBERS, _THREE),
    "a machine of one class": (lambda: OneClassSVM(kernel="linear", nu=0.2), _NUMBERS, None),
    "one against the rest": (
        lambda: OneVsRestClassifier(GradientBoostingClassifier(n_estimators=3)),
        _NUMBERS,
        _THREE,
    ),
    "one against the rest, of several labels": (
        lambda: OneVsRestClassifier(LogisticRegression()),
        _NUMBERS,
        _SEVERAL,
    ),
    "a forest of several labels": (
        lambda: RandomForestClassifier(4, random_state=0),
        _NUMBERS,
        _SEVERAL,
    ),
    "a forest without a split": (
        lambda: RandomForestRegressor(3),
        _NUMBERS,
        np.ones(len(_NUMBERS)),
    ),
    "outliers among equal rows": (
        lambda: LocalOutlierFactor(novelty=True, n_neighbors=5),
        np.sign(_NUMBERS),
        None,
    ),
    "neighbours by angle": (
        lambda: KNeighborsClassifier(metric="cosine", weights="distance"),
        _NUMBERS,
        _TWO,
    ),
    "a mixture of one shape": (
        lambda: GaussianMixture(3, covariance_type="tied", random_state=0),
        _NUMBERS,
        None,
    ),
    "no neighbour of a whole number": (
        lambda: RadiusNeighborsRegressor(radius=0.3),
        _NUMBERS,
        _THREE,
    ),
    "wrapped regressions of two targets": (
        lambda: TransformedTargetRegressor(
            BaggingRegressor(make_pipeline(StandardScaler(), Ridge()), n_estimators=2),
            transformer=StandardScaler(),
        ),
        _NUMBERS,
        np.column_stack([_SUM, -_SUM]),
    ),
    "columns from the end": (
        lambda: make_pipeline(
            ColumnTransformer([("a", StandardScaler(), [-1]), ("b", Binarizer(), slice(-2, None))]),
            LogisticRegression(),
        ),
        _NUMBERS,
        _TWO,
    ),
    "clusters and discriminants side by side": (
        lambda: make_pipeline(
            FeatureUnion(
                [
                    ("a", KMeans(3, n_init=1, random_state=0)),
                    ("b", LinearDiscriminantAnalysis()),
                    ("c", "drop"),
                ]
            ),
            LogisticRegression(),
        ),
        _NUMBERS,
        _TWO,
    ),
    "a selection of the only column": (VarianceThreshold, _NUMBERS[:, :1], None),
}


@pytest.mark.filterwarnings("ignore:One or more samples have no neighbors", "ignore:invalid value")
@pytest.mark.parametrize("name", CASES)
def test_a_model_is_right_on_rows_that_nobody_checked(name: str) -> None:
    make, rows, labels = CASES[name]
    model = make()
    model.fit(rows[:160], None if labels is None else labels[:160])

    package = quietly_converted(model, rows[150:180])

    require_same(model, rows, package)


@pytest.mark.parametrize("function", [np.expm1, np.log1p])
def test_small_numbers_keep_their_digits(function: np.ufunc) -> None:
    rows = np.geomspace(1e-30, 0.9, 60).reshape(-1, 1).astype(np.float32)
    rows = np.concatenate([rows, -rows])

    package = quietly_converted(FunctionTransformer(function), rows)

    (found,) = said(package, rows)
    assert found.ravel() == pytest.approx(function(rows.astype(np.float64)).ravel(), rel=1e-6)


TEXTS: Final = np.array(
    ["rain and sun", "RAIN on the hill", "sun, sun, sun", "\u00c9T\u00c9 sur la mer", "la mer"] * 4
)


@pytest.mark.parametrize(
    "settings",
    [
        {"sublinear_tf": True, "norm": None},
        {"ngram_range": (1, 2), "stop_words": ["and", "the", "\u00e9t\u00e9"]},
        {"ngram_range": (1, 3), "max_features": 5},
        {"ngram_range": (2, 2), "norm": "l1", "binary": True},
        {"token_pattern": r"\w{3,}"},
        {"token_pattern": r"\S+", "ngram_range": (1, 2)},
    ],
    ids=str,
)
def test_words_count_the_same_in_texts_that_nobody_checked(settings: dict[str, object]) -> None:
    model = TfidfVectorizer(**settings).fit(TEXTS)
    unseen = np.array(["sun and rain", "the mer \u00e9t\u00e9 sur", "sun sun the sun", "", "x"])

    package = quietly_converted(model, TEXTS[:5])

    (found,) = says(package, {"X": unseen.astype(object).reshape(-1, 1)}).values()
    assert found == pytest.approx(model.transform(unseen).toarray(), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"analyzer": str.split}, "use 'word', 'char' or 'char_wb'"),
        ({"strip_accents": str.title}, "use 'ascii' or 'unicode'"),
        ({"tokenizer": str.split, "token_pattern": None}, "change the texts before the model"),
        ({"token_pattern": r"\w\d"}, "such as '\\[a-z\\]\\+'"),
    ],
    ids=str,
)
def test_texts_that_a_device_would_split_otherwise_are_refused(
    settings: dict[str, object], words: str
) -> None:
    texts = np.array(["a1 b2", "a1"] * 3)
    model = TfidfVectorizer(**settings).fit(texts)

    with pytest.raises(EdgeError, match=words):
        quietly_converted(model, texts)


def test_categories_of_texts_and_truths_stand_side_by_side() -> None:
    rng = np.random.default_rng(8)
    table = pd.DataFrame(
        {
            "city": np.array(["Bern", "Oslo", "Rome"])[rng.integers(0, 3, 200)],
            "member": rng.random(200) < 0.4,
            "size": rng.integers(0, 4, 200),
        }
    )
    labels = (table["city"] == "Oslo") ^ table["member"]
    encoders = ColumnTransformer(
        [
            ("target", TargetEncoder(), ["city", "member"]),
            ("one", OneHotEncoder(min_frequency=60, handle_unknown="warn"), ["city", "size"]),
        ]
    )
    model = make_pipeline(encoders, LogisticRegression()).fit(table[:150], labels[:150])

    package = quietly_converted(model, table[140:160])

    feeds = {name: table[[name]].to_numpy() for name in table.columns}
    found = says(
        package,
        {
            "city": feeds["city"].astype(object),
            "member": feeds["member"].astype(np.float32),
            "size": feeds["size"].astype(np.float32),
        },
    )
    assert found["probabilities"] == pytest.approx(model.predict_proba(table), abs=1e-5)
