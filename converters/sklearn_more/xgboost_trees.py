"""XGBoost's estimators, and how the trees of its boosters are read."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import xgboost
from sklearn.base import is_classifier
from xgboost import Booster, DMatrix, XGBModel

from converters.sklearn_more.boosted import BoostedTree, Ensemble, reads
from converters.sklearn_more.boosters import (
    BoosterEstimator,
    Kind,
    Trained,
    as_estimator,
    objective_of,
)
from converters.sklearn_more.trees import Branches
from edge_contract.errors import UsageError

__all__ = ["booster_estimator"]

_LINKS: Final = {
    "binary:hinge": "step",
    "binary:logistic": "logistic",
    "count:poisson": "exp",
    "multi:softmax": "softmax",
    "multi:softprob": "softmax",
    "reg:gamma": "exp",
    "reg:logistic": "logistic",
    "reg:tweedie": "exp",
    "survival:aft": "exp",
    "survival:cox": "exp",
}
"""What is made of sums, by objective; of the others they are the answer."""

_KINDS: Final = {
    **dict.fromkeys(("binary:logistic", "binary:hinge", "multi:softprob"), Kind.CLASSES),
    **dict.fromkeys(("rank:map", "rank:ndcg", "rank:pairwise"), Kind.RANKS),
}
"""What a booster's answers are, by objective; of the others numbers."""


@reads(
    xgboost.XGBClassifier,
    xgboost.XGBRanker,
    xgboost.XGBRegressor,
    xgboost.XGBRFClassifier,
    xgboost.XGBRFRegressor,
)
def xgboost_model(model: XGBModel) -> Ensemble:
    """Read an estimator's trees, up to the best iteration if it stopped early."""
    booster = model.get_booster()
    name = type(model).__name__
    best = booster.attr("best_iteration")
    missing = model.missing
    if missing is None:
        raise UsageError(
            f"{name} with missing=None cannot predict arrays: call set_params(missing=numpy.nan), "
            "which means the same"
        )
    ensemble = _ensemble_of(
        booster,
        iterations=0 if best is None else int(best) + 1,
        missing=None if math.isnan(missing) else float(missing),
    )
    if is_classifier(model):
        if callable(model.objective) or ensemble.link not in {"logistic", "softmax", "step"}:
            raise UsageError(
                f"{name} with {objective_of(model)} has no probabilities: "
                "use 'binary:logistic' or 'multi:softprob'"
            )
        if ensemble.link != "softmax" and len(ensemble.base) > 1:
            raise UsageError(
                f"{name} of several labels cannot be converted: fit one model for each, for "
                "example with MultiOutputClassifier"
            )
    return ensemble


def booster_estimator(booster: object, classes: Sequence[str | int]) -> BoosterEstimator:
    """Return a booster as an estimator; its classes are 0, 1 and so on if none are given.

    Raises:
        UsageError: It says which class is the likeliest, but no probabilities, or it cannot be
            converted.
    """
    if not isinstance(booster, Booster):
        raise UsageError(f"expected an xgboost.Booster, got {type(booster).__qualname__}")
    objective = str(json.loads(booster.save_config())["learner"]["objective"]["name"])
    if objective == "multi:softmax":
        raise UsageError(
            "XGBoost's booster with objective='multi:softmax' has no probabilities: train it with "
            "'multi:softprob', or load it into an XGBClassifier"
        )

    def predict(rows: object) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
        return np.asarray(booster.predict(DMatrix(rows)))

    trained = Trained(
        predict=predict,
        ensemble=_ensemble_of(booster),
        kind=_KINDS.get(objective, Kind.NUMBERS),
        library="xgboost",
        width=booster.num_features(),
        names=booster.feature_names or (),
    )
    return as_estimator(trained, classes)


def _ensemble_of(
    booster: Booster, *, iterations: int = 0, missing: float | None = None
) -> Ensemble:
    """Read a booster's trees.

    Args:
        booster: The booster.
        iterations: How many of them count; all if 0.
        missing: The number that means a missing value, beside NaN.

    Raises:
        UsageError: It has no trees, categorical splits, or leaves for several targets at once.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    kept = learner["gradient_booster"]
    weights = kept.get("weight_drop")
    model = kept.get("gbtree", kept)["model"]
    if "trees" not in model:
        raise UsageError(
            "XGBoost's booster='gblinear' cannot be converted: use 'gbtree' or 'dart', or a linear "
            "model of scikit-learn"
        )
    ends = model["iteration_indptr"]
    count = ends[iterations] if 0 < iterations < len(ends) else len(model["trees"])
    trees = tuple(
        _tree(tree, target=int(target), weight=1.0 if weights is None else float(weights[number]))
        for number, (tree, target) in enumerate(
            zip(model["trees"][:count], model["tree_info"][:count], strict=True)
        )
    )
    return Ensemble(
        trees=trees,
        base=_base(booster, trees, iterations=iterations),
        link=_LINKS.get(learner["objective"]["name"], "identity"),
        is_strict=True,
        missing=missing,
    )


def _base(
    booster: Booster, trees: tuple[BoostedTree, ...], *, iterations: int
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return what is added to the sums.

    Versions keep it in many ways, so a row without any value is asked about.
    """
    empty = DMatrix(np.full((1, booster.num_features()), np.nan, dtype=np.float32))
    said = booster.predict(
        empty, output_margin=True, validate_features=False, iteration_range=(0, iterations)
    )
    base = np.atleast_1d(np.asarray(said, dtype=np.float64).ravel())
    for tree in trees:
        node, found = 0, tree.branches
        while found.left[node] >= 0:
            node = int(found.left[node] if found.missing_left[node] else found.right[node])
        base[tree.targets] -= tree.values[node]
    return base


def _tree(found: Mapping[str, object], *, target: int, weight: float) -> BoostedTree:
    conditions = np.asarray(found["split_conditions"], dtype=np.float32).astype(np.float64)
    left = np.asarray(found["left_children"], dtype=np.int64)
    if np.any(np.asarray(found["split_type"])[left >= 0] != 0):
        raise UsageError(
            "XGBoost's categorical splits cannot be converted: encode categories before the model, "
            "for example with OrdinalEncoder or OneHotEncoder in a pipeline, and leave out "
            "enable_categorical"
        )
    if np.asarray(found["base_weights"]).size != len(left):
        raise UsageError(
            "XGBoost's trees of several targets cannot be converted: use "
            "multi_strategy='one_output_per_tree'"
        )
    return BoostedTree(
        branches=Branches(
            features=np.asarray(found["split_indices"], dtype=np.int64),
            thresholds=conditions,
            missing_left=np.asarray(found["default_left"], dtype=bool),
            left=left,
            right=np.asarray(found["right_children"], dtype=np.int64),
        ),
        targets=np.array([target]),
        values=(conditions * weight)[:, None],
    )
