"""Which of the given columns reach a step as they are, through the steps before it."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

__all__ = ["Columns", "columns_after", "given_column", "part_columns"]

Columns: TypeAlias = Sequence[int | None]
"""By column, which of the given columns it is; ``None`` for one that was computed."""


def given_column(columns: Columns, place: int) -> int | None:
    """Return which given column stands at a place, if any."""
    return columns[place] if place < len(columns) else None


def part_columns(model: ColumnTransformer, name: str) -> list[int]:
    """Return the columns that one part of a fitted transformer of columns gets."""
    return [int(place) for place in model._transformer_to_input_indices.get(name, ())]


def columns_after(step: object, columns: Columns) -> Columns:
    """Return what is in the columns that a fitted step gives, as far as it leaves them alone."""
    match step:
        case "passthrough" | None:
            return columns
        case FunctionTransformer() if step.func is None:
            return columns
        case SelectorMixin():
            return _chosen(columns, step.get_support())
        case SimpleImputer() if step.statistics_.dtype.kind == "f":
            return _chosen(columns, ~np.isnan(step.statistics_) | step.keep_empty_features)
        case KNNImputer() if not step.keep_empty_features:
            return _chosen(columns, step._valid_mask)
        case ColumnTransformer():
            return _after_parts(step, columns)
        case Pipeline():
            for _, inner in step.steps:
                columns = columns_after(inner, columns)
            return columns
        case _:
            return ()


def _chosen(columns: Columns, is_kept: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> Columns:
    return [given_column(columns, int(place)) for place in np.flatnonzero(is_kept)]


def _after_parts(model: ColumnTransformer, columns: Columns) -> Columns:
    found: list[int | None] = []
    for name, part, _ in model.transformers_:
        place = model.output_indices_.get(name, slice(0, 0))
        width = place.stop - place.start
        given = [given_column(columns, it) for it in part_columns(model, name)]
        kept = () if isinstance(part, str) and part == "drop" else columns_after(part, given)
        found += [*kept, *[None] * width][:width]
    return found
