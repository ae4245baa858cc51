"""Transformers of columns, whose columns skl2onnx knows only in some spellings."""

import copy

import numpy as np
from sklearn.compose import ColumnTransformer

from converters.sklearn_more.registry import prepared

__all__: list[str] = []


@prepared(ColumnTransformer)
def with_plain_columns(model: ColumnTransformer) -> ColumnTransformer:
    """Return the transformer with its columns by place, counted from 0, or by name."""
    plain = copy.copy(model)
    plain.transformers_ = [
        (name, part, columns if _has_names(columns) else _places(model, name))
        for name, part, columns in model.transformers_
    ]
    return plain


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
