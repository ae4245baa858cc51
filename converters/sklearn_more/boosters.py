"""Boosters without scikit-learn's methods, as estimators that say what they say."""

from collections.abc import Callable, Sequence
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from converters.sklearn_more.boosted import Ensemble, reads
from edge_contract.errors import UsageError

__all__ = ["BoosterClassifier", "BoosterRegressor", "Predict", "as_estimator"]

Predict: TypeAlias = Callable[[object], NDArray[np.generic]]
"""What a booster says about rows."""


class _Booster(BaseEstimator):  # type: ignore[misc]  # publishes no types
    """What both have.

    Args:
        predict: What the booster says.
        ensemble: Its trees.
        library: Whose it is.
        width: How many columns it was fitted on.
        names: What they are called, if it knows.
    """

    def __init__(
        self,
        predict: Predict,
        ensemble: Ensemble,
        *,
        library: str,
        width: int,
        names: Sequence[str] = (),
    ) -> None:
        self._predict = predict
        self.ensemble = ensemble
        self.library = library
        self.n_features_in_ = width
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)

    def fit(self, rows: object, labels: object = None) -> Self:
        """Do nothing: the booster is trained."""
        del rows, labels
        return self

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: FBT001, FBT002
        del deep  # a booster's settings are its library's
        return {}


class BoosterRegressor(RegressorMixin, _Booster):  # type: ignore[misc]  # publishes no types
    """A booster that says numbers."""

    def predict(self, rows: object) -> NDArray[np.generic]:
        """Return what the booster says."""
        return self._predict(rows)


class BoosterClassifier(ClassifierMixin, _Booster):  # type: ignore[misc]  # publishes no types
    """A booster that says probabilities; of two classes, that of the second one."""

    classes_: NDArray[np.generic]

    def predict(self, rows: object) -> NDArray[np.generic]:
        """Return the likeliest class of each row, the first of equal ones."""
        found: NDArray[np.generic] = self.classes_[self.predict_proba(rows).argmax(axis=1)]
        return found

    def predict_proba(self, rows: object) -> NDArray[np.generic]:
        """Return the probability of every class."""
        said = self._predict(rows)
        return np.column_stack([1 - said, said]) if said.ndim == 1 else said


@reads(BoosterClassifier, BoosterRegressor)
def booster(model: _Booster) -> Ensemble:
    """Return the trees that were read before."""
    found: Ensemble = model.ensemble
    return found


def as_estimator(
    predict: Predict,
    ensemble: Ensemble,
    *,
    library: str,
    is_classifier: bool,
    classes: Sequence[str | int],
    width: int,
    names: Sequence[str],
) -> BoosterClassifier | BoosterRegressor:
    """Return a booster as an estimator.

    Raises:
        UsageError: There are not as many classes as the booster tells apart.
    """
    if not is_classifier:
        if classes:
            raise UsageError("classes were given for a booster that says numbers: leave them out")
        return BoosterRegressor(predict, ensemble, library=library, width=width, names=names)
    count = max(len(ensemble.base), 2)
    if len(classes) not in {0, count}:
        raise UsageError(f"the booster tells {count} classes apart, but {len(classes)} were given")
    model = BoosterClassifier(predict, ensemble, library=library, width=width, names=names)
    model.classes_ = np.array(list(classes) or range(count))
    return model
