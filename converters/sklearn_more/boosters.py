"""Boosters without scikit-learn's methods, as estimators that say what they say."""

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from converters.sklearn_more.boosted import Ensemble, reads
from edge_contract.errors import UsageError

__all__ = ["Booster", "BoosterClassifier", "BoosterRanker", "BoosterRegressor", "Kind", "Predict"]

Predict: TypeAlias = Callable[[object], NDArray[np.generic]]
"""What a booster says about rows."""


class Kind(enum.Enum):
    """What a booster's answers are."""

    CLASSES = enum.auto()
    NUMBERS = enum.auto()
    RANKS = enum.auto()


class Booster(BaseEstimator):  # type: ignore[misc]  # publishes no types
    """What all have.

    Args:
        predict: What the booster says.
        ensemble: Its trees.
        library: Whose it is.
        width: How many columns it was fitted on.
        names: What they are called, if it knows.
        settings: With which it was made, if it knows.
    """

    def __init__(
        self,
        predict: Predict,
        ensemble: Ensemble,
        *,
        library: str,
        width: int,
        names: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._predict = predict
        self._settings = dict(settings or {})
        self.ensemble = ensemble
        self.library = library
        self.n_features_in_ = width
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)

    @classmethod
    def of(  # noqa: PLR0913  what libraries know of their boosters
        cls,
        predict: Predict,
        ensemble: Ensemble,
        *,
        kind: Kind,
        library: str,
        width: int,
        names: Sequence[str] = (),
        classes: Sequence[str | int] = (),
        settings: Mapping[str, object] | None = None,
    ) -> "Booster":
        """Return a booster as an estimator of its kind.

        Raises:
            UsageError: There are not as many classes as the booster tells apart.
        """
        if kind is not Kind.CLASSES:
            if classes:
                raise UsageError(
                    f"classes {list(classes[:8])} were given for a booster of {library} that says "
                    "numbers: leave them out, or train it with an objective of classes"
                )
            made = BoosterRegressor if kind is Kind.NUMBERS else BoosterRanker
            return made(
                predict, ensemble, library=library, width=width, names=names, settings=settings
            )
        count = max(len(ensemble.base), 2)
        if len(classes) not in {0, count}:
            raise UsageError(
                f"the booster of {library} tells {count} classes apart, but {len(classes)} were "
                f"given, {list(classes[:8])}: give one for each in the order of its probabilities, "
                "or none to call them 0, 1 and so on"
            )
        model = BoosterClassifier(
            predict, ensemble, library=library, width=width, names=names, settings=settings
        )
        model.classes_ = np.array(list(classes) or range(count))
        return model

    def fit(self, rows: object, labels: object = None) -> Self:
        """Do nothing: the booster is trained."""
        del rows, labels
        return self

    def get_params(self, deep: bool = True) -> dict[str, object]:  # noqa: FBT001, FBT002
        """Return the settings with which it was made, as far as they are known."""
        del deep
        return dict(self._settings)


class BoosterRanker(Booster):
    """A booster whose numbers order rows and mean nothing by themselves."""

    def predict(self, rows: object) -> NDArray[np.generic]:
        """Return what the booster says."""
        return self._predict(rows)


class BoosterRegressor(RegressorMixin, BoosterRanker):  # type: ignore[misc]  # publishes no types
    """A booster that says numbers."""


class BoosterClassifier(ClassifierMixin, Booster):  # type: ignore[misc]  # publishes no types
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


@reads(BoosterClassifier, BoosterRanker, BoosterRegressor)
def booster(model: Booster) -> Ensemble:
    """Return the trees that were read before."""
    found: Ensemble = model.ensemble
    return found
