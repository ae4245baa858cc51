"""Models as people build them, many of them once wrong or without a converter."""

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
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsOneClassifier
from sklearn.multioutput import ClassifierChain, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, SVR, LinearSVC

from edge_contract.errors import EdgeError
from edge_contract.package import Package
from tests.converters.helpers import (
    customers,
    diabetes,
    digits,
    flowers,
    quietly_converted,
    says,
    tumours,
)

Data = tuple[pd.DataFrame | NDArray[np.generic], NDArray[np.generic]]


def scaled(last: BaseEstimator) -> Pipeline:
    return make_pipeline(StandardScaler(), last)


def logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(6, random_state=0)


def petals() -> Data:
    rows, labels = flowers()
    return rows.to_numpy(dtype=np.float32), labels


def cells() -> Data:
    rows, labels = tumours()
    return rows[:, :6], labels


def patients() -> Data:
    rows, values = diabetes()
    return rows[:200], values[:200]


def two_targets() -> Data:
    rows, values = patients()
    return rows, np.column_stack([values, values[::-1]])


def two_labels() -> Data:
    rows, labels = cells()
    return rows, np.column_stack([labels, 1 - labels])


def gappy_customers() -> Data:
    table, labels = customers()
    gaps = np.arange(len(table)) % 9 == 0
    return table.assign(city=table["city"].mask(gaps)), labels


def cities(*steps: BaseEstimator) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer(
        [("t", make_pipeline(*steps), ["city"]), ("n", numbers, ["age", "income (EUR)"])]
    )


FAITHFUL: Final[Mapping[str, tuple[Callable[[], BaseEstimator], Callable[[], Data]]]] = {
    "stacked pipelines that decide": (
        lambda: StackingClassifier([("a", scaled(logistic())), ("b", scaled(SVC()))]),
        cells,
    ),
    "stacked with the rows themselves": (
        lambda: StackingClassifier([("a", scaled(logistic())), ("b", forest())], passthrough=True),
        petals,
    ),
    "stacked regressions": (
        lambda: StackingRegressor(
            [("a", scaled(Ridge())), ("b", RandomForestRegressor(6, random_state=0))]
        ),
        patients,
    ),
    "soft votes of pipelines": (
        lambda: VotingClassifier(
            [("a", scaled(logistic())), ("b", forest())], voting="soft", weights=[1, 2]
        ),
        petals,
    ),
    "hard votes": (
        lambda: VotingClassifier([("a", scaled(logistic())), ("b", forest()), ("c", GaussianNB())]),
        petals,
    ),
    "a vote of thresholds": (
        lambda: VotingClassifier(
            [("a", FixedThresholdClassifier(logistic(), threshold=0.9)), ("b", GaussianNB())]
        ),
        cells,
    ),
    "bagged pipelines": (
        lambda: BaggingClassifier(scaled(logistic()), n_estimators=3, random_state=0),
        petals,
    ),
    "bagged on some columns": (
        lambda: BaggingRegressor(scaled(Ridge()), n_estimators=3, max_features=0.5, random_state=0),
        patients,
    ),
    "bagged without probabilities": (
        lambda: BaggingClassifier(SVC(), n_estimators=3, random_state=0),
        petals,
    ),
    "calibrated pipelines": (lambda: CalibratedClassifierCV(scaled(LinearSVC()), cv=3), cells),
    "calibrated by steps": (
        lambda: CalibratedClassifierCV(forest(), cv=3, method="isotonic"),
        petals,
    ),
    "calibrated by temperature": (
        lambda: CalibratedClassifierCV(logistic(), cv=3, method="temperature"),
        petals,
    ),
    "a frozen model, calibrated": (
        lambda: CalibratedClassifierCV(FrozenEstimator(logistic().fit(*petals()))),
        petals,
    ),
    "one against one": (lambda: OneVsOneClassifier(scaled(LinearSVC())), petals),
    "a search of a selection": (
        lambda: GridSearchCV(scaled(RFE(logistic())), {"rfe__n_features_to_select": [2, 3]}, cv=3),
        petals,
    ),
    "a selection before a forest": (lambda: make_pipeline(RFE(logistic()), forest()), petals),
    "clusters as features": (
        lambda: make_pipeline(KMeans(3, n_init=1, random_state=0), logistic()),
        petals,
    ),
    "discriminants as features": (
        lambda: make_pipeline(LinearDiscriminantAnalysis(), KNeighborsClassifier(3)),
        petals,
    ),
    "a logarithm of the target": (
        lambda: TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
        patients,
    ),
    "a scaled target": (
        lambda: TransformedTargetRegressor(scaled(SVR()), transformer=StandardScaler()),
        patients,
    ),
    "a power of the target": (
        lambda: TransformedTargetRegressor(Ridge(), transformer=PowerTransformer()),
        patients,
    ),
    "neighbours by weight": (lambda: KNeighborsRegressor(3, weights="distance"), patients),
    "neighbours by city blocks": (
        lambda: KNeighborsRegressor(3, p=1, weights="distance"),
        patients,
    ),
    "boosted counts": (
        lambda: HistGradientBoostingRegressor(loss="poisson", max_iter=8),
        patients,
    ),
    "an isolation forest of some columns": (
        lambda: scaled(IsolationForest(n_estimators=8, max_features=0.5, random_state=0)),
        cells,
    ),
    "a forest of several values": (lambda: RandomForestRegressor(4, random_state=0), two_targets),
    "a chain of regressions": (lambda: RegressorChain(scaled(Ridge()), order=[1, 0]), two_targets),
    "a chain of probabilities": (
        lambda: ClassifierChain(logistic(), chain_method="predict_proba"),
        two_labels,
    ),
    "bins as categories": (
        lambda: make_pipeline(
            KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"), logistic()
        ),
        lambda: (flowers()[0].to_numpy(), flowers()[1]),
    ),
    "periodic splines": (
        lambda: make_pipeline(SplineTransformer(extrapolation="periodic"), Ridge()),
        patients,
    ),
    "linear splines": (
        lambda: make_pipeline(SplineTransformer(extrapolation="linear"), Ridge()),
        patients,
    ),
    "a polynomial kernel": (
        lambda: scaled(Nystroem(kernel="poly", degree=2, n_components=20, random_state=0)),
        cells,
    ),
    "clipped numbers before trees": (
        lambda: make_pipeline(MinMaxScaler(clip=True), forest()),
        petals,
    ),
    "gaps, and that there are gaps": (
        lambda: make_pipeline(SimpleImputer(add_indicator=True), forest()),
        lambda: (np.where(np.arange(600).reshape(150, 4) % 7, petals()[0], np.nan), petals()[1]),
    ),
    "texts that are filled": (
        lambda: make_pipeline(
            cities(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
            logistic(),
        ),
        gappy_customers,
    ),
    "rare categories together": (
        lambda: make_pipeline(
            cities(OneHotEncoder(min_frequency=0.4, handle_unknown="infrequent_if_exist")),
            logistic(),
        ),
        customers,
    ),
    "a category for missing texts": (
        lambda: make_pipeline(cities(OrdinalEncoder(encoded_missing_value=-2)), logistic()),
        gappy_customers,
    ),
    "numbers with a fraction as categories": (
        lambda: make_pipeline(OneHotEncoder(drop="if_binary", handle_unknown="ignore"), logistic()),
        lambda: (flowers()[0].to_numpy(), flowers()[1]),
    ),
    "means of the target": (
        lambda: make_pipeline(cities(TargetEncoder()), forest()),
        customers,
    ),
    "a logarithm of one column": (
        lambda: make_pipeline(
            ColumnTransformer(
                [("l", FunctionTransformer(np.log1p), ["age"]), ("c", OneHotEncoder(), ["city"])]
            ),
            logistic(),
        ),
        customers,
    ),
    "a search through a table": (
        lambda: GridSearchCV(
            make_pipeline(cities(OneHotEncoder(handle_unknown="ignore")), logistic()),
            {"logisticregression__C": [0.1, 1.0]},
            cv=3,
        ),
        customers,
    ),
}

REFUSED: Final[Mapping[str, tuple[Callable[[], BaseEstimator], Callable[[], Data], str]]] = {
    "guesses": (lambda: DummyClassifier(strategy="uniform"), petals, "something else every time"),
    "a function of one's own": (
        lambda: make_pipeline(FunctionTransformer(lambda rows: rows + 1), logistic()),
        petals,
        "known are absolute, arcsinh, ",
    ),
    "a target that is turned back by nobody": (
        lambda: TransformedTargetRegressor(Ridge(), transformer=PCA()),
        patients,
        "cannot be turned back on a",
    ),
}


@pytest.mark.parametrize("name", FAITHFUL)
def test_a_model_converts(name: str) -> None:
    make, data = FAITHFUL[name]
    rows, labels = data()

    package = quietly_converted(make().fit(rows, labels), rows)

    assert package.manifest.evidence.parity["accept_difference"] == 0.0


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_is_refused_with_the_reason(name: str) -> None:
    make, data, words = REFUSED[name]
    rows, labels = data()
    model = make().fit(rows, labels)

    with pytest.raises(EdgeError) as refused:
        quietly_converted(model, rows)

    assert words in str(refused.value)


def test_a_model_that_trains_itself_says_what_it_was_trained_to() -> None:
    rows, labels = digits()
    model = SelfTrainingClassifier(scaled(logistic()))
    model.fit(rows, np.where(np.arange(len(labels)) % 3 == 0, -1, labels))

    package = quietly_converted(model, rows)

    assert said_labels(package, rows) == model.predict(rows).tolist()


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer])
@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2)])
def test_words_of_all_alphabets_count_in_capitals_too(
    kind: type[CountVectorizer], ngrams: tuple[int, int]
) -> None:
    texts = np.array(["Über die Straße", "ÜBER DIE BRÜCKE", "le café, à l'été", "x1 ÉTÉ"] * 3)
    model = kind(ngram_range=ngrams).fit(texts)

    package = quietly_converted(model, texts)

    found = says(package, {"X": texts.astype(object).reshape(-1, 1)})
    assert next(iter(found.values())) == pytest.approx(model.transform(texts).toarray())


def said_labels(package: Package, rows: NDArray[np.generic]) -> list[object]:
    found: list[object] = says(package, {"X": rows.astype(np.float32)})["label"].tolist()
    return found
