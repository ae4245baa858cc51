"""CatBoost's estimators, and how its trees are read."""

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor
from numpy.typing import NDArray

from converters.sklearn_more.boosted import BoostedTree, Ensemble, reads
from converters.sklearn_more.catboost_file import (
    FeaturesInfo,
    Kept,
    Node,
    Split,
    Symmetric,
    kept_of,
    loss_of,
)
from converters.sklearn_more.memberships import Membership, Questions
from converters.sklearn_more.trees import Branches
from edge_contract.errors import UsageError

__all__ = ["CLASSIFYING", "NameCategory", "ensemble_of"]

NameCategory: TypeAlias = Callable[[int, int], Membership]
"""Returns the question whether a column, by its place, has the category of a hash of 32 bits."""

CLASSIFYING: Final = {"CrossEntropy", "Focal", "Logloss", "MultiClass", "MultiClassOneVsAll"}
"""Losses of which probabilities of classes are made."""

_SEVERAL_LABELS: Final = {"MultiCrossEntropy", "MultiLogloss"}
_EXPONENTIAL: Final = {"Poisson", "Tweedie"}


@reads(CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor)
def catboost_model(model: CatBoost) -> Ensemble:
    """Read the trees of an estimator inside another model, where no column holds categories."""
    return ensemble_of(model, kept_of(model), name_category=_no_category)


def ensemble_of(model: CatBoost, kept: Kept, *, name_category: NameCategory) -> Ensemble:
    """Return a model's trees.

    Args:
        model: The model.
        kept: Its JSON form.
        name_category: Knows its categories.

    Raises:
        UsageError: It cannot be converted.
    """
    if "binclass_probability_threshold" in kept["model_info"]:
        raise UsageError(
            f"{type(model).__name__} has a probability threshold of its own, which models around "
            "it do not see: call set_probability_threshold(None) and put FixedThresholdClassifier "
            "around it"
        )
    scale, bias = kept["scale_and_bias"]
    base = np.atleast_1d(np.asarray(bias, dtype=np.float64))
    reader = _TreeReader(kept["features_info"], targets=len(base), name_category=name_category)
    found = [*map(reader.symmetric, kept.get("oblivious_trees", []))]
    found += [*map(reader.nested, kept.get("trees", []))]
    return Ensemble(
        trees=tuple(tree._replace(values=tree.values * scale) for tree in found),
        base=base,
        link=_link_of(model, loss_of(kept), targets=len(base)),
        memberships=reader.questions.asked,
    )


def _link_of(model: CatBoost, loss: str, *, targets: int) -> str:
    """Return what a model's class makes of sums; CatBoost's plain one only makes probabilities."""
    name = type(model).__name__
    if loss in _SEVERAL_LABELS:
        raise UsageError(
            f"{name} of several labels (loss_function={loss!r}) cannot be converted: fit one model "
            "for each, for example with MultiOutputClassifier"
        )
    if isinstance(model, CatBoostClassifier) or (
        loss in CLASSIFYING and not isinstance(model, CatBoostRanker | CatBoostRegressor)
    ):
        return "softmax" if targets > 1 and loss != "MultiClassOneVsAll" else "logistic"
    if isinstance(model, CatBoostRegressor) and loss in _EXPONENTIAL:
        return "exp"
    if isinstance(model, CatBoostRegressor) and loss == "RMSEWithUncertainty":
        return "mean and variance"
    return "identity"


def _no_category(column: int, _category: int) -> Membership:
    raise UsageError(
        f"CatBoost's cat_features (column {column} is one) can be converted of a model alone, but "
        "not inside another one: encode categories before it, for example with OrdinalEncoder or "
        "OneHotEncoder in a pipeline, and leave out cat_features"
    )


class _TreeReader:
    """Reads trees; collects the questions about categories in them.

    Args:
        features: The columns.
        targets: How many numbers a leaf has.
        name_category: Knows the categories.
    """

    def __init__(
        self, features: FeaturesInfo, *, targets: int, name_category: NameCategory
    ) -> None:
        numbers = features.get("float_features", [])
        categories = features.get("categorical_features", [])
        self._numbers = {it["feature_index"]: it["flat_feature_index"] for it in numbers}
        self._categories = {it["feature_index"]: it["flat_feature_index"] for it in categories}
        self._missing_right = {
            it["feature_index"] for it in numbers if it.get("nan_value_treatment") == "AsTrue"
        }
        self.questions = Questions(len(numbers) + len(categories))
        self._targets = targets
        self._name_category = name_category

    def symmetric(self, tree: Symmetric) -> BoostedTree:
        """Return a tree that asks the same question of all nodes of a level."""
        questions = [self._question(split) for split in reversed(tree["splits"] or [])]
        depth = len(questions)
        inner = 2**depth - 1
        count = 2 * inner + 1
        levels = np.repeat(np.arange(depth), 2 ** np.arange(depth))
        asked = np.array(questions).reshape(depth, 3)[levels]
        features, thresholds, missing_left = np.pad(asked, ((0, inner + 1), (0, 0))).T
        places = np.arange(count)
        is_leaf = places >= inner
        values = np.zeros((count, self._targets))
        values[is_leaf] = np.reshape(tree["leaf_values"], (-1, self._targets))
        return self._tree(
            Branches(
                features=features.astype(np.int64),
                thresholds=thresholds,
                missing_left=missing_left.astype(bool),
                left=np.where(is_leaf, -1, 2 * places + 1),
                right=np.where(is_leaf, -1, 2 * places + 2),
            ),
            values,
        )

    def nested(self, root: Node) -> BoostedTree:
        """Return a tree of nodes inside nodes."""
        nodes: list[Node] = [root]
        left: list[int] = []
        right: list[int] = []
        for node in nodes:  # grows as it goes
            for side, below in ((left, node.get("left")), (right, node.get("right"))):
                side.append(-1 if below is None else len(nodes))
                nodes.extend(() if below is None else [below])
        asked = np.array(
            [self._question(it["split"]) if "split" in it else (0, 0.0, False) for it in nodes]
        )
        zeros = [0.0] * self._targets
        values = np.array([np.atleast_1d(it.get("value", zeros)) for it in nodes])
        return self._tree(
            Branches(
                features=asked[:, 0].astype(np.int64),
                thresholds=asked[:, 1],
                missing_left=asked[:, 2].astype(bool),
                left=np.array(left),
                right=np.array(right),
            ),
            values,
        )

    def _tree(self, branches: Branches, values: NDArray[np.float64]) -> BoostedTree:
        return BoostedTree(branches, np.arange(self._targets), values)

    def _question(self, split: Split) -> tuple[int, float, bool]:
        """Return column, threshold, and whether missing values go left."""
        match split["split_type"]:
            case "FloatFeature":
                feature = split["float_feature_index"]
                is_left = feature not in self._missing_right
                return self._numbers[feature], split["border"], is_left
            case "OneHotFeature":
                column = self._categories[split["cat_feature_index"]]
                asked = self._name_category(column, split["value"] % 2**32)
                return self.questions.column_of(asked), 0.5, True
            case kind:
                raise UsageError(
                    f"CatBoost's splits of kind {kind} cannot be converted: they count labels of "
                    "categories; fit with one_hot_max_size=255, which compares categories, or "
                    "encode them before the model, for example with TargetEncoder"
                )
