"""Support vector machines with probabilities say what libsvm says, to the last round of it."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.multiclass import OneVsOneClassifier
from sklearn.svm import SVC, NuSVC

from tests.converters.helpers import Numbers, quietly_converted, says

pytestmark = pytest.mark.filterwarnings("ignore:The `probability` parameter:FutureWarning")


def rows_and_labels(classes: int) -> tuple[Numbers, Numbers]:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(240, 3)).astype(np.float32).astype(np.float64)
    place = rows[:, 0] + rows[:, 1] ** 2 + 0.3 * rng.normal(size=240)
    edges = np.quantile(place, np.arange(1, classes) / classes)
    return rows, np.digitize(place, edges).astype(np.float64)


def unseen() -> Numbers:
    rows = np.random.default_rng(4).normal(size=(4000, 3)) * 2
    return rows.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize(
    "make",
    [
        lambda: SVC(probability=True, random_state=0),
        lambda: SVC(probability=True, random_state=0, kernel="poly", break_ties=True),
        lambda: NuSVC(probability=True, random_state=0, nu=0.05, decision_function_shape="ovo"),
    ],
    ids=["SVC", "SVC that breaks ties", "NuSVC"],
)
def test_probabilities_stop_in_the_round_in_which_libsvm_stops(
    make: Callable[[], BaseEstimator], classes: int
) -> None:
    rows, labels = rows_and_labels(classes)
    model = make().fit(rows, labels)

    package = quietly_converted(model, rows[:40])

    label, probabilities = says(package, {"X": unseen().astype(np.float32)}).values()
    assert label.tolist() == model.predict(unseen()).tolist()
    assert probabilities == pytest.approx(model.predict_proba(unseen()), abs=1e-7)


@pytest.mark.parametrize(
    "make",
    [
        lambda inner: CalibratedClassifierCV(inner, cv=2, method="temperature"),
        lambda inner: VotingClassifier([("a", inner), ("b", SVC(probability=True))], voting="soft"),
        OneVsOneClassifier,
    ],
    ids=["calibrated", "voting", "one against one"],
)
def test_machines_with_probabilities_are_right_inside_other_models(
    make: Callable[[BaseEstimator], BaseEstimator],
) -> None:
    rows, labels = rows_and_labels(3)
    model = make(SVC(probability=True, random_state=0)).fit(rows, labels)

    package = quietly_converted(model, rows[:40])

    label, *more = says(package, {"X": unseen().astype(np.float32)}).values()
    assert label.tolist() == model.predict(unseen()).tolist()
    for probabilities in more:
        assert probabilities == pytest.approx(model.predict_proba(unseen()), abs=1e-6)


def test_a_row_may_come_alone() -> None:
    rows, labels = rows_and_labels(3)
    model = SVC(probability=True, random_state=0).fit(rows, labels)

    package = quietly_converted(model, rows[:40])

    alone = list(says(package, {"X": unseen()[:1].astype(np.float32)}).values())[1]
    assert alone == pytest.approx(model.predict_proba(unseen()[:1]), abs=1e-7)
