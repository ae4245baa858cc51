"""Gaps that are filled with what models say of the other columns, round after round."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.impute._iterative import IterativeImputer  # public once the caller has enabled it
from sklearn.linear_model._base import LinearModel
from sklearn.neighbors._base import NeighborsBase

from converters.sklearn_more.answers import values_of
from converters.sklearn_more.markers import is_missing
from converters.sklearn_more.neighbours import fitted_rows
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(IterativeImputer)
def iterative_imputer(nodes: Nodes, model: IterativeImputer) -> None:
    """Fill gaps with the first guess, then column by column with what its models predict.

    If no row has any value, scikit-learn leaves it at the first guess.
    """
    if model.sample_posterior:
        raise UsageError(
            "IterativeImputer with sample_posterior=True draws lots: fit it with "
            "sample_posterior=False"
        )
    first = model.initial_imputer_
    missing = is_missing(nodes, nodes.x, model.missing_values)
    guess = np.nan_to_num(np.asarray(first.statistics_, dtype=np.float64)).reshape(1, -1)
    filled = nodes("Where", missing, guess, nodes.x)
    is_empty = np.asarray(model._is_empty_feature)
    kept = np.arange(len(is_empty)) if model.keep_empty_features else np.flatnonzero(~is_empty)
    columns = [nodes.column(filled, int(place)) for place in kept]
    before = nodes("Concat", *columns, axis=1)
    gaps = [nodes.column(missing, int(place)) for place in kept]
    for turn in model.imputation_sequence_ if model.n_iter_ else ():
        target = int(turn.feat_idx)
        if model.keep_empty_features and is_empty[target]:
            continue
        others = [columns[int(place)] for place in turn.neighbor_feat_idx]
        said = _said(nodes, turn.estimator, nodes("Concat", *others, axis=1))
        low, high = float(model._min_value[target]), float(model._max_value[target])
        said = nodes("Min", nodes("Max", said, low), high)
        columns[target] = nodes("Where", gaps[target], said, columns[target])
    after = nodes("Concat", *columns, axis=1)
    if not (model.keep_empty_features and is_empty.any()):  # of rows without any value it is none
        known = nodes("Not", nodes("Concat", *gaps, axis=1))
        values = nodes("ReduceSum", nodes.cast(known, "int64"), keepdims=0)
        after = nodes("Where", nodes("Greater", values, np.int64(0)), after, before)
    if model.indicator_ is not None:
        watched = np.asarray(model.indicator_.features_)
        marks = nodes.columns(nodes.cast(missing, "float64"), watched)
        after = nodes("Concat", after, marks, axis=1)
    nodes.say_numbers(after)


def _said(nodes: Nodes, estimator: BaseEstimator, given: str) -> str:
    if isinstance(estimator, LinearModel):  # there are many: without a detour
        weights = np.asarray(estimator.coef_, dtype=np.float64).reshape(-1, 1)
        return nodes.linear(given, weights, np.asarray(estimator.intercept_).reshape(1, 1))
    if isinstance(estimator, NeighborsBase):
        fitted = fitted_rows(estimator)
        if len(np.unique(fitted, axis=0)) < len(fitted):
            raise UsageError(
                f"IterativeImputer with {type(estimator).__name__} cannot be converted: it was "
                "fitted on equal rows, of which neighbours are chosen by the order of a search; "
                "use KNNImputer, or an estimator without neighbours"
            )
    return values_of(nodes, estimator, given)
