"""Transformers side by side, whose columns and predictors skl2onnx knows only in some forms."""

import copy

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer

from converters.sklearn_more.answers import as_transformer
from converters.sklearn_more.registry import prepared

__all__: list[str] = []


@prepared(ColumnTransformer)
def with_plain_columns(model: ColumnTransformer) -> ColumnTransformer:
    """Return it with its columns by place, counted from 0, or by name; its parts transform.

    Columns that pass through do so one by one, since they may be texts and numbers.
    """
    plain = copy.copy(model)
    plain.transformers_ = []
    for name, part, columns in model.transformers_:
        kept = columns if _has_names(columns) else _places(model, name)
        if _passes(part):
            each = [kept] if isinstance(kept, str) else kept
            plain.transformers_ += [(f"{name} {it}", "passthrough", [it]) for it in each]
        else:
            plain.transformers_.append((name, as_transformer(part), kept))
    return plain


@prepared(FeatureUnion)
def with_transformers(model: FeatureUnion) -> FeatureUnion:
    """Return it with parts that transform, also those that could predict."""
    union = copy.copy(model)
    kept = [(name, part) for name, part in model.transformer_list if not _is_dropped(part)]
    union.transformer_list = [(name, as_transformer(part)) for name, part in kept]
    return union


def _passes(part: object) -> bool:
    is_word = isinstance(part, str) and part == "passthrough"
    return is_word or (isinstance(part, FunctionTransformer) and part.func is None)


def _is_dropped(part: object) -> bool:
    return isinstance(part, str) and part == "drop"


def _has_names(columns: object) -> bool:
    if isinstance(columns, str):
        return True
    return (
        isinstance(columns, list | tuple | np.ndarray)
        and len(columns) > 0
        and all(isinstance(column, str) for column in columns)
    )


def _places(model: ColumnTransformer, name: str) -> list[int]:
    return [int(place) for place in model._transformer_to_input_indices.get(name, ())]
