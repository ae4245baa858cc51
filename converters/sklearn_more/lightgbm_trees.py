"""LightGBM's estimators, and how the trees of its boosters are read."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from lightgbm import Booster, LGBMClassifier, LGBMModel, LGBMRanker, LGBMRegressor
from sklearn.base import is_classifier

from converters.sklearn_more.boosted import BoostedTree, Ensemble, reads
from converters.sklearn_more.boosters import (
    BoosterEstimator,
    Kind,
    Trained,
    as_estimator,
    objective_of,
)
from converters.sklearn_more.lightgbm_categories import LightGBMCategories
from converters.sklearn_more.lightgbm_slopes import slopes_of, with_asking_leaves
from converters.sklearn_more.questions import Questions
from converters.sklearn_more.trees import Branches
from edge_contract.errors import UsageError

__all__ = ["booster_estimator"]

_LINKS: Final = {
    "binary": "logistic",
    "cross_entropy": "logistic",
    "cross_entropy_lambda": "log1p exp",
    "multiclass": "softmax",
    "multiclassova": "logistic",
    "gamma": "exp",
    "poisson": "exp",
    "tweedie": "exp",
}
"""What is made of sums, by objective; of the others they are the answer."""

_KINDS: Final = {
    **dict.fromkeys(("binary", "multiclass", "multiclassova"), Kind.CLASSES),
    **dict.fromkeys(("lambdarank", "rank_xendcg"), Kind.RANKS),
}
"""What a booster's answers are, by objective; of the others numbers."""

_INFINITE: Final = 1e300
"""LightGBM takes this and larger numbers for infinite, and writes infinite ones so."""

_NEAR_ZERO: Final = np.float32(1e-35)
"""LightGBM takes this and smaller numbers for 0."""


@reads(LGBMClassifier, LGBMRanker, LGBMRegressor)
def lightgbm_model(model: LGBMModel) -> Ensemble:
    """Read an estimator's trees, up to the best iteration if it stopped early."""
    ensemble = _ensemble_of(model.booster_)
    if is_classifier(model) and ensemble.link not in {"logistic", "softmax"}:
        raise UsageError(
            f"{type(model).__name__} with {objective_of(model)} has no probabilities: "
            "use 'binary', 'multiclass' or 'multiclassova'"
        )
    return ensemble


def booster_estimator(booster: object, classes: Sequence[str | int]) -> BoosterEstimator:
    """Return a booster as an estimator; its classes are 0, 1 and so on if none are given.

    Raises:
        UsageError: It cannot be converted.
    """
    if not isinstance(booster, Booster):
        raise UsageError(f"expected a lightgbm.Booster, got {type(booster).__qualname__}")
    objective = str(booster.dump_model(num_iteration=1).get("objective", "")).split(" ")[0]
    names = booster.feature_name()

    def predict(rows: object) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]]":
        return np.asarray(booster.predict(rows))

    trained = Trained(
        predict=predict,
        ensemble=_ensemble_of(booster),
        kind=_KINDS.get(objective, Kind.NUMBERS),
        library="lightgbm",
        width=booster.num_feature(),
        names=() if names == [f"Column_{i}" for i in range(len(names))] else names,
    )
    return as_estimator(trained, classes)


def _ensemble_of(booster: Booster) -> Ensemble:
    """Read a booster's trees; raises ``UsageError`` if it has categories of another kind."""
    found = booster.dump_model()
    targets = int(found["num_tree_per_iteration"])
    kind, *settings = str(found.get("objective", "")).split(" ")
    slopes = [it.removeprefix("sigmoid:") for it in settings if it.startswith("sigmoid:")]
    link = "signed square" if "sqrt" in settings else _LINKS.get(kind, "identity")
    entries = found["tree_info"]
    roots = [it["tree_structure"] for it in entries]
    has_empty_zeros = any(it.get("missing_type") == "Zero" for root in roots for it in _nodes(root))
    # random forests say the mean of their trees
    share = targets / max(len(entries), 1) if found.get("average_output") else 1.0
    categories = LightGBMCategories(
        found["feature_infos"], booster.feature_name(), found.get("pandas_categorical")
    )
    sloped = sorted({column for root in roots for it in _nodes(root) for column in slopes_of(it)})
    reader = _TreeReader(categories, targets=targets, sloped=sloped, width=booster.num_feature())
    trees = [reader.tree(root, target=place % targets) for place, root in enumerate(roots)]
    return Ensemble(
        trees=tuple(tree._replace(values=tree.values * share) for tree in trees),
        base=np.zeros(targets),
        link=link,
        slope=float(slopes[0]) if slopes else 1.0,
        near_zero=float(_NEAR_ZERO) if has_empty_zeros else None,
        questions=reader.questions.asked,
        compares_float64=True,
        sloped=(*sloped, *sloped),
    )


def _nodes(root: dict[str, object]) -> list[dict[str, object]]:
    """Return a tree's nodes, the root first."""
    nodes = [root]
    for node in nodes:  # grows as it goes
        below = [node.get("left_child"), node.get("right_child")]
        nodes.extend(it for it in below if isinstance(it, dict))
    return nodes


class _Branch(NamedTuple):
    """What a node asks, and whether those for which it holds go left, and missing values."""

    feature: int = 0
    threshold: float = 0.0
    missing_left: bool = False
    is_left: bool = True


class _TreeReader:
    """Reads trees; collects the questions about categories in them.

    Args:
        categories: Of the booster.
        targets: How many there are.
        sloped: Columns that leaves multiply.
        width: How many columns there are.
    """

    def __init__(
        self,
        categories: LightGBMCategories,
        *,
        targets: int,
        sloped: Sequence[int],
        width: int,
    ) -> None:
        self._categories = categories
        self._targets = targets
        self._sloped = sloped
        self.questions = Questions(width)

    def tree(self, root: dict[str, object], *, target: int) -> BoostedTree:
        """Return a tree that adds to one column of the answer, and to slopes of it."""
        nodes = _nodes(with_asking_leaves(root) if self._sloped else root)
        places = {id(node): place for place, node in enumerate(nodes)}
        left = np.array([places.get(id(node.get("left_child")), -1) for node in nodes])
        right = np.array([places.get(id(node.get("right_child")), -1) for node in nodes])
        branches = [self._branch(it) if "split_feature" in it else _Branch() for it in nodes]
        goes_left = np.array([it.is_left for it in branches])
        return BoostedTree(
            branches=Branches(
                features=np.array([it.feature for it in branches]),
                thresholds=np.array([it.threshold for it in branches]),
                missing_left=np.array([it.missing_left for it in branches]),
                left=np.where(goes_left, left, right),
                right=np.where(goes_left, right, left),
            ),
            targets=np.arange(1 + 2 * len(self._sloped)) * self._targets + target,
            values=np.array([self._values(it) for it in nodes]),
        )

    def _values(self, node: dict[str, object]) -> list[float]:
        """Return what a leaf adds, and what it multiplies columns with: above 0, and below."""
        slopes = slopes_of(node)
        added = _number(node.get("leaf_const", node.get("leaf_value", 0.0)))
        falls = [min(slopes.get(column, 0.0), 0.0) for column in self._sloped]
        rises = [max(slopes.get(column, 0.0), 0.0) for column in self._sloped]
        return [added, *rises, *falls]

    def _branch(self, node: dict[str, object]) -> _Branch:
        column = _whole(node["split_feature"])
        if node["decision_type"] == "==":  # members go left, missing values do not
            asked = self._categories.question(column, str(node["threshold"]))
            return _Branch(self.questions.column_of(asked), 0.5, missing_left=True, is_left=False)
        threshold = _threshold(node)
        return _Branch(column, threshold, _missing_left(node, threshold))


def _threshold(node: dict[str, object]) -> float:
    threshold = _number(node["threshold"])
    if threshold >= _INFINITE:
        return math.inf
    if -_NEAR_ZERO <= threshold < 0:  # what equals it is taken for 0, which is larger
        return math.nextafter(-float(_NEAR_ZERO), -1.0)
    # and what is above it by less is taken for 0, which is not larger
    return max(threshold, float(_NEAR_ZERO)) if threshold >= 0 else threshold


def _missing_left(node: dict[str, object], threshold: float) -> bool:
    """Return where a missing value goes; without a rule for them they are taken for 0."""
    return threshold >= 0 if node["missing_type"] == "None" else bool(node["default_left"])


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise UsageError(f"LightGBM's model holds {value!r} where a number is expected")
    return float(value)


def _whole(value: object) -> int:
    return int(_number(value))
