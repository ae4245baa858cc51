"""Where an estimator computes on the way from the rows to its trees, and in which precision.

scikit-learn's transformers compute in float32 if they are given float32, which depends on the rows
and on the steps before. What they really do is asked of them, with a few rows.
"""

import copy
from collections.abc import Iterator
from typing import Final

import numpy as np
from scipy.sparse import issparse
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomTreesEmbedding,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelEncoder,
    OneHotEncoder,
    OrdinalEncoder,
)
from sklearn.utils import _safe_indexing

from converters.base import Rows
from converters.rows import row_count, take
from converters.sklearn_columns import part_columns
from converters.sklearn_more.boosted import READERS
from converters.sklearn_parts import parts_of
from converters.sklearn_thresholds import EDGED
from converters.sklearn_trees import TREES

__all__ = [
    "KEEP",
    "given_sparse",
    "in_single_precision",
    "parts_with_rows",
    "transformed",
    "trees_see_computed",
]

_INNER: Final = ("best_estimator_", "estimator_", "regressor_", "estimator")
_FEW: Final = 2
KEEP: Final = (
    ColumnTransformer,
    CountVectorizer,
    FeatureUnion,
    HashingVectorizer,
    LabelEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    Pipeline,
    SelectorMixin,
)
"""What transforms without arithmetic on numbers: it chooses, moves, counts or looks up."""
_STEPPED: Final = (
    *TREES,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomTreesEmbedding,
)
"""Trees of scikit-learn, alone and together."""


def trees_see_computed(estimator: object, *, computed: bool = False) -> bool:
    """Whether trees or bins in an estimator see numbers that were computed from those of the rows.

    Args:
        estimator: Fitted.
        computed: Whether what it is given itself was computed.
    """
    match estimator:
        case Pipeline():
            for _, step in estimator.steps:
                if trees_see_computed(step, computed=computed):
                    return True
                computed = computed or any(map(_computes, parts_of(step)))
            return False
        case ColumnTransformer():
            inner = [part for _, part, _ in estimator.transformers_]
        case FeatureUnion():
            inner = [part for _, part in estimator.transformer_list]
        case StackingClassifier() | StackingRegressor():
            if trees_see_computed(estimator.final_estimator_, computed=True):
                return True
            inner = list(_members(estimator))
        case _:
            if isinstance(estimator, (*_STEPPED, *EDGED, *READERS)):
                return computed
            inner = list(_members(estimator))
    return any(trees_see_computed(part, computed=computed) for part in inner)


def in_single_precision(estimator: object, rows: Rows) -> frozenset[int]:
    """Return the ids of the transformers that compute in float32 for rows like these."""
    found = parts_with_rows(estimator, _few(rows))
    return frozenset(id(part) for part, given in found if _is_single(transformed(part, given)))


def given_sparse(estimator: object, rows: Rows) -> frozenset[int]:
    """Return the ids of the parts that are given sparse tables for rows like these."""
    return frozenset(
        id(part) for part, given in parts_with_rows(estimator, _few(rows)) if issparse(given)
    )


def _few(rows: Rows) -> Rows:
    return take(rows, np.arange(min(_FEW, row_count(rows))))


def _is_single(numbers: object) -> bool:
    return getattr(numbers, "dtype", None) == np.float32


def _computes(part: object) -> bool:
    if type(part).__name__.startswith("_"):  # bins of histograms, which are no step
        return False
    if isinstance(part, FunctionTransformer) and part.func is None:
        return False
    is_model = hasattr(part, "predict") and not hasattr(part, "fit_transform")
    return hasattr(part, "transform") and not is_model and not isinstance(part, KEEP)


def parts_with_rows(part: object, rows: object) -> Iterator[tuple[object, object]]:
    """Yield the parts of an estimator with what they are given; ``None`` if that is unknown."""
    match part:
        case Pipeline():
            for _, step in part.steps:
                yield from parts_with_rows(step, rows)
                rows = transformed(step, rows)
        case ColumnTransformer():
            for name, inner, _ in part.transformers_:
                columns = part_columns(part, name)
                if not isinstance(inner, str) and columns and rows is not None:
                    yield from parts_with_rows(inner, _safe_indexing(rows, columns, axis=1))
        case FeatureUnion():
            for _, inner in part.transformer_list:
                yield from parts_with_rows(inner, rows)
        case _:
            yield part, rows
            yield from _inner_with_rows(part, rows)


def _inner_with_rows(part: object, rows: object) -> Iterator[tuple[object, object]]:
    subsets = getattr(part, "estimators_features_", None)
    for index, member in enumerate(_members(part)):
        given = rows
        if subsets is not None and rows is not None:
            given = _safe_indexing(rows, np.asarray(subsets[index]), axis=1)
        yield from parts_with_rows(member, given)
    if isinstance(part, StackingClassifier | StackingRegressor):
        yield from parts_with_rows(part.final_estimator_, transformed(part, rows))


def _members(part: object) -> Iterator[object]:
    """Yield the estimators inside one that gives them the rows as they are."""
    if isinstance(part, _STEPPED):
        return
    members = getattr(part, "estimators_", None)
    if members is None:
        inner = next((getattr(part, it) for it in _INNER if hasattr(part, it)), None)
        members = [] if inner is None else [inner]
    for member in (*members, *getattr(part, "calibrated_classifiers_", ())):
        if not isinstance(member, str | np.ndarray):
            yield member


def transformed(part: object, rows: object) -> object:
    """Return what a part makes of rows, sparse or an array; ``None`` if it does not take them."""
    if isinstance(part, str) or rows is None:
        return rows if part == "passthrough" else None
    if part is None:
        return rows
    transform = getattr(part, "transform", None)
    if transform is None:
        return None
    try:
        said = transform(copy.copy(rows))  # with copy=False, some write into what they are given
    except Exception:  # noqa: BLE001  estimators raise all kinds; who asks for answers gets to know
        return None
    return said if issparse(said) else np.asarray(said)
