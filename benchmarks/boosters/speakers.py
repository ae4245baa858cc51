"""What boosters say, asked as scikit-learn's estimators are."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import lightgbm
import numpy as np
import xgboost
from catboost import CatBoost
from sklearn.base import is_classifier

from benchmarks.boosters.plans import Rows

__all__ = ["Speaker", "speaker_of"]


@runtime_checkable
class _Predicts(Protocol):
    def predict(self, rows: Rows) -> object: ...


@runtime_checkable
class _Classifies(Protocol):
    def predict(self, rows: Rows) -> object: ...

    def predict_proba(self, rows: Rows) -> object: ...


class Speaker:
    """Says what a model says; whatever it raises is a ``ValueError``."""

    def __init__(self, *asking: Callable[[Rows], object]) -> None:
        self._asking = asking

    def predict(self, rows: Rows) -> Rows:
        """Return labels or numbers."""
        return _asked(self._asking[0], rows)


class _SpeakerOfClasses(Speaker):
    def predict_proba(self, rows: Rows) -> Rows:
        """Return the probability of each class."""
        return _asked(self._asking[1], rows)


def _asked(ask: Callable[[Rows], object], rows: Rows) -> Rows:
    try:
        return np.asarray(ask(rows))
    except Exception as error:  # libraries raise all kinds
        raise ValueError(str(error)) from error


def speaker_of(model: object) -> Speaker:
    """Return what judges ask; boosters of classes say probabilities alone."""
    match model:
        case lightgbm.Booster():
            return _of_probabilities(partial(model.predict, validate_features=False))
        case xgboost.Booster() if "softprob" in model.save_config():
            return _of_probabilities(lambda rows: model.predict(xgboost.DMatrix(rows)))
        case xgboost.Booster():
            return Speaker(lambda rows: model.predict(xgboost.DMatrix(rows)))
        case CatBoost() if type(model) is CatBoost and len(model.classes_):
            kinds = ("Class", "Probability")
            return _SpeakerOfClasses(*(partial(model.predict, prediction_type=it) for it in kinds))
        case _Classifies() if is_classifier(model):
            return _SpeakerOfClasses(model.predict, model.predict_proba)
        case _Predicts():
            return Speaker(model.predict)
        case _:
            raise TypeError(f"{type(model).__qualname__} does not predict")


def _of_probabilities(ask: Callable[[Rows], object]) -> Speaker:
    def both(rows: Rows) -> Rows:
        said = np.asarray(ask(rows))
        return np.column_stack([1 - said, said]) if said.ndim == 1 else said

    return _SpeakerOfClasses(lambda rows: both(rows).argmax(axis=1), both)
