"""Histogram gradient boosting whose trees ask for categories, or compare float64.

scikit-learn numbers the categories by an encoder of its own and puts their columns first. Which
side of a split a category takes is a set of numbers; here every split is a column of its own, with
the side of each category, and categories that the model does not know go where missing values go.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from skl2onnx._supported_operators import _get_sklearn_operator_name
from skl2onnx.common._registration import get_shape_calculator
from sklearn.base import BaseEstimator, is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from converters.sklearn_more.arithmetic import sigmoid
from converters.sklearn_more.categories import places_in_column
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import shapes
from converters.sklearn_more.skl2onnx_types import Container, Operator, Scope
from converters.sklearn_more.trees import Branches, Leaves, TreeSum
from converters.sklearn_trees import Hook
from edge_contract.errors import UsageError

__all__ = ["HISTOGRAMS", "asks_for_categories", "category_shapes", "with_categories"]

HISTOGRAMS: Final = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)

_LEFT: Final = 0.0
_RIGHT: Final = 1.0
_MIDDLE: Final = 0.5
_WORD_BITS: Final = 32


def asks_for_categories(model: object) -> bool:
    """Whether a fitted model is one of histograms that has categories."""
    return isinstance(model, HISTOGRAMS) and model.is_categorical_ is not None


def with_categories(hook: Hook, *, nearest: bool, slack: float = 0.0) -> Hook:
    """Return a hook that also converts models with categories, and those that are given float64.

    Args:
        hook: What converts the others.
        nearest: See :meth:`converters.sklearn_more.nodes.Nodes.edges`.
        slack: How much to raise what float64 is compared with, relative to the largest that its
            column is compared with. Thresholds are often numbers of training rows: where these
            were computed, other machines have them a little larger, and they would change sides.
    """

    def convert(scope: Scope, operator: Operator, container: Container) -> None:
        nodes = Nodes(scope, operator, container, nearest=nearest)
        if asks_for_categories(operator.raw_operator) or nodes.is_wide:
            _write(nodes, operator.raw_operator, slack)
        else:
            hook(scope, operator, container)

    return convert


def category_shapes(operator: Operator) -> None:
    """Set the types of the outputs, as skl2onnx does where all inputs are numbers."""
    if asks_for_categories(operator.raw_operator):
        shapes(operator)
    else:
        get_shape_calculator(_get_sklearn_operator_name(type(operator.raw_operator)))(operator)


def _write(nodes: Nodes, model: BaseEstimator, slack: float) -> None:
    summed = nodes("Add", _sums(nodes, model, slack), np.asarray(model._baseline_prediction))
    if not is_classifier(model):
        has_log_link = type(model._loss.link).__name__ == "LogLink"
        nodes.say_numbers(nodes("Exp", summed) if has_log_link else summed)
        return
    is_binary = model.n_trees_per_iteration_ == 1
    scores = nodes("Concat", nodes("Neg", summed), summed, axis=1) if is_binary else summed
    nodes.say_labels(nodes.largest(scores), np.asarray(model.classes_))
    if nodes.is_asked_for_scores:
        nodes.say_numbers(scores, 1)
    else:
        nodes.say_numbers(sigmoid(nodes, scores) if is_binary else nodes.softmax(scores), 1)


def _sums(nodes: Nodes, model: BaseEstimator, slack: float) -> str:
    """Return what the leaves add up to: ``float64[batch, targets]``."""
    given = _Given(nodes, model)
    raised = slack * _largest_thresholds(model) if nodes.is_wide else 0.0
    sums = TreeSum()
    for group in model._predictors:
        for target, predictor in enumerate(group):
            found = predictor.nodes
            is_leaf = found["is_leaf"].astype(bool)
            columns, edges = given.splits(found, predictor.raw_left_cat_bitsets)
            edges = edges + np.broadcast_to(raised, model.n_features_in_)[found["feature_idx"]]
            leaves = np.flatnonzero(is_leaf)
            sums.add_branches(
                Branches(
                    features=columns,
                    thresholds=edges,
                    missing_left=found["missing_go_to_left"].astype(bool),
                    left=np.where(is_leaf, -1, found["left"].astype(np.int64)),
                    right=found["right"].astype(np.int64),
                ),
                Leaves(leaves, np.full(len(leaves), target), found["value"][leaves]),
            )
    return sums.write(
        nodes,
        targets=model.n_trees_per_iteration_,
        given=given.write() if asks_for_categories(model) else nodes.x,
        compares_float64=True,
    )


def _largest_thresholds(model: BaseEstimator) -> NDArray[np.float64]:
    """Return the size of the largest threshold of each column; 0 where there is none."""
    largest = np.zeros(model.n_features_in_)
    for group in model._predictors:
        for predictor in group:
            found = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            size = np.where(
                np.isfinite(found["num_threshold"]), np.abs(found["num_threshold"]), 0.0
            )
            np.maximum.at(largest, found["feature_idx"], size)
    return largest


class _Given:
    """The columns that trees look at: numbers, and behind them a side for each split of categories.

    Args:
        nodes: Where to write.
        model: Fitted.
    """

    def __init__(self, nodes: Nodes, model: BaseEstimator) -> None:
        self._nodes = nodes
        is_category = np.zeros(model.n_features_in_, dtype=bool)
        self._known: list[NDArray[np.generic]] = []
        if asks_for_categories(model):
            is_category |= np.asarray(model.is_categorical_, dtype=bool)
            encoder = model._preprocessor.named_transformers_["encoder"]
            self._known = [np.asarray(values) for values in encoder.categories_]
        self._categories = np.flatnonzero(is_category)
        self._numbers = np.flatnonzero(~is_category)
        self._asked: dict[tuple[int, bytes], int] = {}

    def splits(
        self, found: NDArray[np.void], sets: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return, by node, the column that it looks at and what that is compared with."""
        columns = found["feature_idx"].astype(np.int64) - len(self._categories)
        edges = np.array(found["num_threshold"], dtype=np.float64)
        if not self._nodes.is_wide:
            edges = self._nodes.edges(edges)
        asking = (found["is_categorical"] != 0) & (found["is_leaf"] == 0)
        columns[found["is_leaf"] != 0] = 0
        for place in np.flatnonzero(asking).tolist():
            left = sets[int(found["bitset_idx"][place])].tobytes()
            key = (int(found["feature_idx"][place]), left)
            side = self._asked.setdefault(key, len(self._asked))
            columns[place] = len(self._numbers) + side
            edges[place] = _MIDDLE
        return columns, edges

    def write(self) -> str:
        """Return the columns: ``float64[batch, columns]``."""
        parts = [self._number(int(column)) for column in self._numbers]
        order = list(range(len(parts)))
        for index in range(len(self._categories)):
            sets = {left: side for (asked, left), side in self._asked.items() if asked == index}
            if sets:
                parts.append(self._sides(index, list(sets)))
                order += [len(self._numbers) + side for side in sets.values()]
        if not parts:  # trees of one leaf each
            return self._nodes.for_every_row(np.zeros((1, 1)))
        together = self._nodes("Concat", *parts, axis=1)
        return self._nodes.columns(together, np.argsort(order))

    def _number(self, column: int) -> str:
        name = self._nodes.column_as_it_is(column)
        if self._nodes.is_text(name):
            raise UsageError(
                f"column {column} of X holds texts, but the model was fitted on numbers in it: "
                "give X with the types of the rows that the model was fitted on"
            )
        return self._nodes.cast(name, "float64")

    def _sides(self, index: int, sets: Sequence[bytes]) -> str:
        """Return the side of each category, NaN of others: ``float64[batch, sets]``."""
        known = self._known[index]
        place = places_in_column(self._nodes, int(self._categories[index]), known)
        table = np.full((len(known) + 1, len(sets)), np.nan)
        for code, value in enumerate(known.tolist()):
            if value is not None and value == value:  # noqa: PLR0124  NaN is a missing category
                table[code] = [_LEFT if _is_in(left, code) else _RIGHT for left in sets]
        unknown = self._nodes("Less", place, np.int64(0))
        row = self._nodes("Where", unknown, np.int64(len(known)), place)
        return self._nodes("Gather", table, self._nodes("Reshape", row, np.array([-1])), axis=0)


def _is_in(left: bytes, code: int) -> bool:
    """Whether a set of numbers, one bit each in words of 32, holds a number."""
    words = np.frombuffer(left, dtype=np.uint32)
    return bool((int(words[code // _WORD_BITS]) >> (code % _WORD_BITS)) & 1)
