"""Models that other models learn from in a pipeline, and networks of several labels."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from tests.converters.helpers import Numbers, flowers, quietly_converted, says

_CLASSIFIERS: Final = [("bayes", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2))]
_REGRESSORS: Final = [("ridge", Ridge()), ("lasso", Lasso(0.1))]
_MODELS: Final[dict[str, Callable[[], BaseEstimator]]] = {
    "probabilities that vote": lambda: VotingClassifier(_CLASSIFIERS, voting="soft"),
    "labels that vote": lambda: VotingClassifier(_CLASSIFIERS, voting="hard"),
    "a stack": lambda: StackingClassifier(_CLASSIFIERS, cv=2, passthrough=True),
    "numbers that vote": lambda: VotingRegressor(_REGRESSORS),
    "a stack of numbers": lambda: StackingRegressor(_REGRESSORS, cv=2),
}


def petals() -> tuple[Numbers, Numbers]:
    table, names = flowers()
    return table.to_numpy(), np.unique(names, return_inverse=True)[1].astype(np.float64)


@pytest.mark.parametrize("name", _MODELS)
def test_a_step_learns_from_each_member_in_the_middle(name: str) -> None:
    rows, places = petals()
    model = make_pipeline(_MODELS[name](), LogisticRegression()).fit(rows[::2], places[::2])

    package = quietly_converted(model, rows[::2])

    unseen = rows[1::2].astype(np.float32)
    found = says(package, {"X": unseen})["probabilities"]
    assert found == pytest.approx(model.predict_proba(unseen.astype(np.float64)), abs=1e-5)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_network_says_several_labels() -> None:
    rows, places = petals()
    labels = np.column_stack([places > 0, places > 1]).astype(int)
    model = MLPClassifier((6,), max_iter=60, random_state=0).fit(rows, labels)

    package = quietly_converted(model, rows)

    (found,) = says(package, {"X": rows.astype(np.float32)}).values()
    assert found.tolist() == model.predict(rows).tolist()
