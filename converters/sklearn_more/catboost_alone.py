"""CatBoost's models that stand alone, whose categories are named by the rows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor
from numpy.typing import NDArray

from converters.base import Rows
from converters.sklearn_more.boosters import (
    BoosterEstimator,
    Kind,
    Predict,
    Trained,
    as_estimator,
)
from converters.sklearn_more.catboost_categories import Categories, texts_of
from converters.sklearn_more.catboost_file import kept_of, loss_of, require_fitted
from converters.sklearn_more.catboost_trees import CLASSIFYING, ensemble_of
from converters.sklearn_more.several import says_several
from edge_contract.errors import UsageError

__all__ = ["model_estimator"]

_RANKING: Final = {"GroupQuantile", "LambdaMart", "PairLogit", "PairLogitPairwise"} | {
    *("QueryCrossEntropy", "QueryRMSE", "QuerySoftMax", "StochasticFilter", "StochasticRank"),
    *("YetiRank", "YetiRankPairwise"),
}


def model_estimator(
    model: object, rows: Rows, *, classes: Sequence[str | int] = ()
) -> BoosterEstimator:
    """Return a model as an estimator.

    Args:
        model: Fitted.
        rows: Rows that have each category that its trees ask for.
        classes: Labels that the caller gave; they must be those that the model knows.

    Raises:
        UsageError: It cannot be converted, or a category is not in the rows.
    """
    if not isinstance(model, CatBoost):
        raise UsageError(f"expected a catboost.CatBoost, got {type(model).__qualname__}")
    require_fitted(model)
    known = texts_of(model, rows)
    kept = kept_of(model, sorted({text for found in known.values() for text in found}))
    kind = _kind_of(model, loss_of(kept))
    names = [str(it) for it in model.feature_names_]
    own = _classes_of(model) if kind is Kind.CLASSES else []
    if classes and list(classes) != own:
        raise UsageError(
            f"classes {list(classes[:8])} are not those of the model, {own[:8]}: leave them out, a "
            "fitted model knows its own"
        )
    ensemble = ensemble_of(model, kept, Categories(kept, known, names))
    if says_several(model):
        ensemble = replace(ensemble, link="step")  # its answers are labels, 0 or 1
    trained = Trained(
        predict=_prediction(model, "Probability" if kind is Kind.CLASSES else ""),
        predict_labels=_prediction(model, "Class") if kind is Kind.CLASSES else None,
        ensemble=ensemble,
        kind=kind,
        library="catboost",
        width=len(names),
        names=() if names == [str(i) for i in range(len(names))] else names,
        settings=model.get_params(),
    )
    return as_estimator(trained, own)


def _kind_of(model: CatBoost, loss: str) -> Kind:
    match model:
        case CatBoostClassifier():
            return Kind.NUMBERS if says_several(model) else Kind.CLASSES
        case CatBoostRanker():
            return Kind.RANKS
        case CatBoostRegressor():
            return Kind.NUMBERS
        case _ if loss in CLASSIFYING:
            return Kind.CLASSES
        case _:
            return Kind.RANKS if loss in _RANKING else Kind.NUMBERS


def _classes_of(model: CatBoost) -> list[str | int]:
    found: list[str | int] = np.asarray(model.classes_).tolist()
    return found


def _prediction(model: CatBoost, kind: str) -> Predict:
    columns = model.get_cat_feature_indices()

    def predict(rows: object) -> NDArray[np.generic]:
        given = rows
        if columns and isinstance(rows, np.ndarray) and rows.dtype.kind == "f":
            given = rows.astype(object)  # CatBoost takes no fractions for categories
            given[:, columns] = rows[:, columns].astype(np.int64)
        said = model.predict(given, prediction_type=kind) if kind else model.predict(given)
        found: NDArray[np.generic] = np.asarray(said)
        return found.ravel() if kind == "Class" else found

    return predict
