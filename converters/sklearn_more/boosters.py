"""Boosters without scikit-learn's methods, as estimators that say what they say."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from converters.sklearn_more.boosted import Ensemble, reads
from edge_contract.errors import UsageError

__all__ = ["BoosterEstimator", "Kind", "Predict", "Trained", "as_estimator", "objective_of"]

Predict: TypeAlias = Callable[[object], NDArray[np.generic]]
"""What a booster says about rows."""


class Kind(enum.Enum):
    """What a booster's answers are."""

    CLASSES = enum.auto()
    NUMBERS = enum.auto()
    RANKS = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What is known of a booster.

    Attributes:
        predict: What it says; of two classes the probability of the second one.
        ensemble: Its trees.
        kind: What its answers are.
        library: Whose it is.
        width: How many columns it was fitted on.
        names: What they are called, if it knows.
        settings: With which it was made, if it knows.
        predict_labels: Which class it says, if it does; by default the likeliest one.
    """

    predict: Predict
    ensemble: Ensemble
    kind: Kind
    library: str
    width: int
    names: Sequence[str] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    predict_labels: Predict | None = None


class BoosterEstimator(BaseEstimator):  # type: ignore[misc]  # publishes no types
    """A booster whose numbers order rows; by themselves they need not mean anything."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.library = trained.library
        self.n_features_in_ = trained.width
        if trained.names:
            self.feature_names_in_ = np.array(trained.names, dtype=object)

    def fit(self, rows: object, labels: object = None) -> Self:
        """Do nothing: the booster is trained."""
        del rows, labels
        return self

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: FBT001, FBT002
        """Return the settings with which it was made, as far as they are known."""
        del deep
        return dict(self.trained.settings)

    def predict(self, rows: object) -> NDArray[np.generic]:
        """Return what the booster says."""
        return self.trained.predict(rows)


class _BoosterRegressor(RegressorMixin, BoosterEstimator):  # type: ignore[misc]  # no types
    """A booster that says numbers."""


class _BoosterClassifier(ClassifierMixin, BoosterEstimator):  # type: ignore[misc]  # no types
    """A booster that says probabilities."""

    classes_: NDArray[np.generic]

    def predict(self, rows: object) -> NDArray[np.generic]:
        """Return the class of each row: by default the likeliest, the first of equal ones."""
        if self.trained.predict_labels is not None:
            return self.trained.predict_labels(rows)
        found: NDArray[np.generic] = self.classes_[self.predict_proba(rows).argmax(axis=1)]
        return found

    def predict_proba(self, rows: object) -> NDArray[np.generic]:
        """Return the probability of every class."""
        said = self.trained.predict(rows)
        return np.column_stack([1 - said, said]) if said.ndim == 1 else said


@reads(BoosterEstimator, _BoosterClassifier, _BoosterRegressor)
def booster(model: BoosterEstimator) -> Ensemble:
    """Return the trees that were read before."""
    found: Ensemble = model.trained.ensemble
    return found


def objective_of(model: BaseEstimator) -> str:
    """Return how to call a booster's objective in errors."""
    is_own = callable(model.objective)
    return "an objective of its own" if is_own else f"objective={model.objective!r}"


def as_estimator(trained: Trained, classes: Sequence[str | int]) -> BoosterEstimator:
    """Return a booster as an estimator; classes are 0, 1 and so on if none are given.

    Raises:
        UsageError: There are not as many classes as the booster tells apart.
    """
    if trained.kind is not Kind.CLASSES:
        if classes:
            raise UsageError(
                f"classes {list(classes[:8])} were given for a booster of {trained.library} that "
                "says numbers: leave them out, or train it with an objective of classes"
            )
        is_regression = trained.kind is Kind.NUMBERS
        return _BoosterRegressor(trained) if is_regression else BoosterEstimator(trained)
    count = max(len(trained.ensemble.base), 2)
    if len(classes) not in {0, count}:
        raise UsageError(
            f"the booster of {trained.library} tells {count} classes apart, but {len(classes)} "
            f"were given, {list(classes[:8])}: give one for each, in the order of its "
            "probabilities, or none to call them 0, 1 and so on"
        )
    model = _BoosterClassifier(trained)
    model.classes_ = np.array(list(classes) or range(count))
    return model
