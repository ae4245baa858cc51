"""CatBoost's estimators, and how its trees are read."""

from typing import Final

import numpy as np
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor
from numpy.typing import NDArray

from converters.sklearn_more.boosted import BoostedTree, Ensemble, reads
from converters.sklearn_more.catboost_categories import Categories
from converters.sklearn_more.catboost_counts import Columns, lookup_of
from converters.sklearn_more.catboost_file import (
    Counted,
    Kept,
    Node,
    Split,
    Symmetric,
    kept_of,
    loss_of,
)
from converters.sklearn_more.memberships import Membership
from converters.sklearn_more.questions import Questions
from converters.sklearn_more.trees import Branches
from edge_contract.errors import UsageError

__all__ = ["CLASSIFYING", "ensemble_of"]

CLASSIFYING: Final = {"CrossEntropy", "Focal", "Logloss", "MultiClass", "MultiClassOneVsAll"}
"""Losses of which probabilities of classes are made."""

_ONE_BY_ONE: Final = {"MultiClassOneVsAll", "MultiCrossEntropy", "MultiLogloss"}
"""Losses of which each target is a probability of its own."""

_EXPONENTIAL: Final = {"Poisson", "Tweedie"}


@reads(CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor)
def catboost_model(model: CatBoost) -> Ensemble:
    """Read the trees of an estimator inside another model, where no column holds categories."""
    kept = kept_of(model)
    return ensemble_of(model, kept, Categories(kept, {}, ()))


def ensemble_of(model: CatBoost, kept: Kept, categories: Categories) -> Ensemble:
    """Return a model's trees.

    Args:
        model: The model.
        kept: Its JSON form.
        categories: What its categories are.

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
    reader = _TreeReader(kept, categories, targets=len(base))
    found = [*map(reader.symmetric, kept.get("oblivious_trees", []))]
    found += [*map(reader.nested, kept.get("trees", []))]
    return Ensemble(
        trees=tuple(tree._replace(values=tree.values * scale) for tree in found),
        base=base,
        link=_link_of(model, loss_of(kept), targets=len(base)),
        questions=reader.questions.asked,
    )


def _link_of(model: CatBoost, loss: str, *, targets: int) -> str:
    """Return what a model's class makes of sums; CatBoost's plain one only makes probabilities."""
    if isinstance(model, CatBoostClassifier) or (
        loss in CLASSIFYING and not isinstance(model, CatBoostRanker | CatBoostRegressor)
    ):
        return "softmax" if targets > 1 and loss not in _ONE_BY_ONE else "logistic"
    if isinstance(model, CatBoostRegressor) and loss in _EXPONENTIAL:
        return "exp"
    if isinstance(model, CatBoostRegressor) and loss == "RMSEWithUncertainty":
        return "mean and variance"
    return "identity"


class _TreeReader:
    """Reads trees; collects the questions about categories in them."""

    def __init__(self, kept: Kept, categories: Categories, *, targets: int) -> None:
        features = kept["features_info"]
        numbers = features.get("float_features", [])
        kinds = features.get("categorical_features", [])
        self._columns = Columns(
            numbers={it["feature_index"]: it["flat_feature_index"] for it in numbers},
            categories={it["feature_index"]: it["flat_feature_index"] for it in kinds},
            missing_above=frozenset(
                it["feature_index"] for it in numbers if it.get("nan_value_treatment") == "AsTrue"
            ),
        )
        self.questions = Questions(len(numbers) + len(kinds))
        self._targets = targets
        self._categories = categories
        self._counts = kept.get("ctr_data", {})
        self._counted = [it for it in features.get("ctrs", []) for _ in it["borders"]]
        # splits are numbered by border, then by category, then by what is counted
        self._first_counted = sum(len(it["borders"]) for it in numbers)
        self._first_counted += sum(len(it.get("values") or ()) for it in kinds)
        self._lookups: dict[int, int] = {}

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
                is_left = feature not in self._columns.missing_above
                return self._columns.numbers[feature], split["border"], is_left
            case "OneHotFeature":
                column = self._columns.categories[split["cat_feature_index"]]
                value = self._categories.value(column, split["value"] % 2**32)
                asked = Membership(column, frozenset([value]))
                return self.questions.column_of(asked), 0.5, True
            case "OnlineCtr":
                place = split["split_index"] - self._first_counted
                return self._column_of_counted(self._counted[place]), split["border"], True
            case kind:
                raise UsageError(
                    f"CatBoost's splits of kind {kind} cannot be converted: fit on numbers alone"
                )

    def _column_of_counted(self, counted: Counted) -> int:
        if id(counted) not in self._lookups:
            counts = self._counts[counted["identifier"]]
            lookup = lookup_of(counted, counts, self._columns, self._categories)
            self._lookups[id(counted)] = self.questions.column_of(lookup)
        return self._lookups[id(counted)]
