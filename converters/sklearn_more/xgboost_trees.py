"""XGBoost's estimators, and how the trees of its boosters are read."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import xgboost
from scipy.special import softmax
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
from converters.sklearn_more.questions import Questions
from converters.sklearn_more.trees import Branches
from converters.sklearn_more.xgboost_categories import categories_of, questions_of
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
    **dict.fromkeys(
        ("binary:logistic", "binary:hinge", "multi:softmax", "multi:softprob"), Kind.CLASSES
    ),
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
    has_link = not callable(model.objective) and ensemble.link in {"logistic", "softmax", "step"}
    if is_classifier(model) and not has_link:
        raise UsageError(
            f"{name} with {objective_of(model)} has no probabilities: "
            "use 'binary:logistic' or 'multi:softprob'"
        )
    return ensemble


def booster_estimator(booster: object, classes: Sequence[str | int]) -> BoosterEstimator:
    """Return a booster as an estimator; its classes are 0, 1 and so on if none are given.

    Raises:
        UsageError: It cannot be converted.
    """
    if not isinstance(booster, Booster):
        raise UsageError(f"expected an xgboost.Booster, got {type(booster).__qualname__}")
    objective = str(json.loads(booster.save_config())["learner"]["objective"]["name"])

    def predict(rows: object) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
        if objective != "multi:softmax":
            return np.asarray(booster.predict(DMatrix(rows)))
        sums = np.asarray(booster.predict(DMatrix(rows), output_margin=True), dtype=np.float64)
        return np.asarray(softmax(sums, axis=1))  # of itself, it says the likeliest class alone

    ensemble = _ensemble_of(booster)
    # of several labels, each has a probability of its own
    is_several = ensemble.link != "softmax" and len(ensemble.base) > 1
    trained = Trained(
        predict=predict,
        ensemble=ensemble,
        kind=Kind.NUMBERS if is_several else _KINDS.get(objective, Kind.NUMBERS),
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
        UsageError: It has no trees, or categories of another kind.
    """
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    kept = learner["gradient_booster"]
    weights = kept.get("weight_drop")
    model = kept.get("gbtree", kept)["model"]
    link = _LINKS.get(learner["objective"]["name"], "identity")
    if "trees" not in model:
        return _linear(booster, model["weights"], link, missing=missing)
    ends = model["iteration_indptr"]
    count = ends[iterations] if 0 < iterations < len(ends) else len(model["trees"])
    reader = _TreeReader(model, width=booster.num_features())
    found = [
        reader.tree(tree, target=int(target))
        for tree, target in zip(model["trees"][:count], model["tree_info"][:count], strict=True)
    ]
    shares = np.ones(count) if weights is None else np.asarray(weights[:count], dtype=np.float64)
    trees = tuple(
        tree._replace(values=tree.values * share)
        for tree, share in zip(found, shares.tolist(), strict=True)
    )
    return Ensemble(
        trees=trees,
        base=_base(booster, trees[: ends[1]]),
        link=link,
        is_strict=True,
        lacks_zeros=True,
        missing=missing,
        questions=reader.questions.asked,
    )


def _linear(
    booster: Booster, weights: Sequence[float], link: str, *, missing: float | None
) -> Ensemble:
    """Return a linear model: ``weights`` of all targets, column by column, and then biases."""
    base = _said_of_nothing(booster)
    table = np.asarray(weights, dtype=np.float64).reshape(-1, len(base))
    return Ensemble(
        trees=(), base=base, link=link, line=table[:-1], lacks_zeros=True, missing=missing
    )


def _base(
    booster: Booster, first: Sequence[BoostedTree]
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return what is added to the sums.

    Versions keep it in many ways, so the trees of the first iteration, whose sums are not large
    yet, are asked about a row without any value.
    """
    base = _said_of_nothing(booster)
    for tree in first:
        node, found = 0, tree.branches
        while found.left[node] >= 0:
            node = int(found.left[node] if found.missing_left[node] else found.right[node])
        base[tree.targets] -= tree.values[node]
    return base


def _said_of_nothing(booster: Booster) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return the sums of the first iteration for a row without any value."""
    empty = DMatrix(np.full((1, booster.num_features()), np.nan, dtype=np.float32))
    said = booster.predict(
        empty, output_margin=True, validate_features=False, iteration_range=(0, 1)
    )
    return np.atleast_1d(np.asarray(said, dtype=np.float64).ravel())


class _TreeReader:
    """Reads trees; collects the questions about categories in them."""

    def __init__(self, model: Mapping[str, object], *, width: int) -> None:
        self._categories = categories_of(model)
        self.questions = Questions(width)

    def tree(self, found: Mapping[str, Sequence[int]], *, target: int) -> BoostedTree:
        """Return a tree that adds to one column of the answer, or to all of them."""
        left = np.asarray(found["left_children"], dtype=np.int64)
        right = np.asarray(found["right_children"], dtype=np.int64)
        features = np.asarray(found["split_indices"], dtype=np.int64)
        conditions = np.asarray(found["split_conditions"], dtype=np.float32).astype(np.float64)
        has_vectors = bool(len(found.get("leaf_weights", ())))
        if not has_vectors and np.asarray(found["base_weights"]).size != len(left):
            raise UsageError(
                "this version of XGBoost keeps trees of several targets in a way that is not "
                "known: use a newer one, or multi_strategy='one_output_per_tree'"
            )
        values = _vectors(found, right) if has_vectors else conditions
        thresholds = conditions.copy()
        for node, question in questions_of(found, self._categories).items():
            features[node], thresholds[node] = self.questions.column_of(question), 0.5
        return BoostedTree(
            branches=Branches(
                features=features,
                thresholds=thresholds,
                missing_left=np.asarray(found["default_left"], dtype=bool),
                left=left,
                right=right,
            ),
            targets=np.array([target]) if values.ndim == 1 else np.arange(values.shape[1]),
            values=values.reshape(len(left), -1),
        )


def _vectors(
    found: Mapping[str, Sequence[int]], right: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]"
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return what each node adds to every target; leaves keep their number at the right."""
    is_leaf = np.asarray(found["left_children"]) < 0
    weights = np.asarray(found["leaf_weights"], dtype=np.float64)
    vectors = weights.reshape(int(is_leaf.sum()), -1)
    values = np.zeros((len(is_leaf), vectors.shape[1]))
    values[is_leaf] = vectors[right[is_leaf]]
    return values
