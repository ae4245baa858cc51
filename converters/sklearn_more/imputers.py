"""Imputers that put one value per column in place of missing ones."""

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer

from converters.sklearn_more.markers import is_missing
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.table import MISSING_TEXT
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(SimpleImputer, keeps_texts=True, by_column=True)
def simple_imputer(nodes: Nodes, model: SimpleImputer) -> None:
    """Fill gaps; a missing text reaches a device as the empty one."""
    if nodes.gets_texts:
        _fill_texts(nodes, model)
    else:
        _fill_numbers(nodes, model)


def _fill_numbers(nodes: Nodes, model: SimpleImputer) -> None:
    fill = np.asarray(model.statistics_, dtype=np.float64)
    missing = is_missing(nodes, nodes.x, model.missing_values)
    keeps_empty = getattr(model, "keep_empty_features", False)
    kept = np.arange(len(fill)) if keeps_empty else np.flatnonzero(~np.isnan(fill))
    filled = nodes("Where", missing, np.nan_to_num(fill).reshape(1, -1), nodes.x)
    parts = [nodes.columns(filled, kept)]
    if model.indicator_ is not None:
        watched = np.asarray(model.indicator_.features_, dtype=np.int64)
        parts.append(nodes.columns(nodes.cast(missing, "float64"), watched))
    nodes.say_numbers(nodes("Concat", *parts, axis=1) if len(parts) > 1 else parts[0])


def _fill_texts(nodes: Nodes, model: SimpleImputer) -> None:
    if model.indicator_ is not None:
        raise UsageError(
            "SimpleImputer with add_indicator=True cannot be converted for texts: leave "
            "add_indicator out, an encoder can keep a fill_value of its own apart"
        )
    marker = model.missing_values if isinstance(model.missing_values, str) else MISSING_TEXT
    fill: NDArray[np.object_] = np.asarray(model.statistics_, dtype=object)
    if not all(isinstance(value, str) for value in fill.tolist()):
        empty = [i for i, value in enumerate(fill.tolist()) if not isinstance(value, str)]
        raise UsageError(
            f"SimpleImputer found no text in its columns {empty[:8]} (counted from 0): leave them "
            "out before fitting"
        )
    if not nodes.gets_texts_only:
        raise UsageError(
            "SimpleImputer gets columns of text and of numbers together: give each kind an imputer "
            "of its own"
        )
    texts = nodes.inputs
    together = texts[0] if len(texts) == 1 else nodes("Concat", *texts, axis=1)
    missing = nodes(
        "LabelEncoder",
        together,
        domain="ai.onnx.ml",
        keys_strings=[marker],
        values_int64s=[1],
        default_int64=0,
    )
    filled = nodes("Where", nodes.cast(missing, "bool"), fill.reshape(1, -1), together)
    nodes.say_as_it_is(filled)
