"""Transformers side by side, whose columns and predictors skl2onnx knows only in some forms."""

import copy

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion

from converters.sklearn_more.answers import as_transformer
from converters.sklearn_more.registry import prepared

__all__: list[str] = []


@prepared(ColumnTransformer)
def with_plain_columns(model: ColumnTransformer) -> ColumnTransformer:
    """Return it with its columns by place, counted from 0, or by name; its parts transform."""
    plain = copy.copy(model)
    plain.transformers_ = [
        (name, as_transformer(part), columns if _has_names(columns) else _places(model, name))
        for name, part, columns in model.transformers_
    ]
    return plain


@prepared(FeatureUnion)
def with_transformers(model: FeatureUnion) -> FeatureUnion:
    """Return it with parts that transform, also those that could predict."""
    union = copy.copy(model)
    kept = [(name, part) for name, part in model.transformer_list if not _is_dropped(part)]
    union.transformer_list = [(name, as_transformer(part)) for name, part in kept]
    return union


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
