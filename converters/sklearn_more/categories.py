"""Encoders of categories, with all that they do with rare, missing and unknown ones."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.table import MISSING_TEXT
from edge_contract.errors import UsageError

__all__ = ["knows_missing_texts", "places_in_column", "places_of"]


@converts(OneHotEncoder, by_column=True)
def one_hot_encoder(nodes: Nodes, model: OneHotEncoder) -> None:
    """Give a one for each category that is kept; rare ones share theirs."""
    dropped = model._drop_idx_after_grouping
    columns = []
    for index, categories in enumerate(model.categories_):
        places = list(_grouped(model, index, len(categories)))
        if model.handle_unknown in ("infrequent_if_exist", "warn"):
            places.append(_rare_place(model, index))
        drop = None if dropped is None else dropped[index]
        table = np.stack([_one_at(it, drop, int(model._n_features_outs[index])) for it in places])
        columns.append(_looked_up(nodes, index, np.asarray(categories), table, model))
    nodes.say_numbers(nodes("Concat", *columns, axis=1))


@converts(OrdinalEncoder, by_column=True)
def ordinal_encoder(nodes: Nodes, model: OrdinalEncoder) -> None:
    """Give the number of each category."""
    columns = []
    for index, categories in enumerate(model.categories_):
        missing = model._missing_indices.get(index)
        known = len(categories) - (missing is not None)
        values = [float(place) for place in _grouped(model, index, known)]
        if missing is not None:
            values.append(float(model.encoded_missing_value))
        if model.handle_unknown == "use_encoded_value":
            values.append(float(model.unknown_value))
        table = np.array(values).reshape(-1, 1)
        columns.append(_looked_up(nodes, index, np.asarray(categories), table, model))
    nodes.say_numbers(nodes("Concat", *columns, axis=1))


@converts(TargetEncoder, by_column=True)
def target_encoder(nodes: Nodes, model: TargetEncoder) -> None:
    """Give the mean target of each category, and of all rows for a category never seen."""
    classes = len(model.classes_) if model.target_type_ == "multiclass" else 1
    means = np.asarray(model.target_mean_, dtype=np.float64).reshape(1, -1)
    columns = []
    for index, categories in enumerate(model.categories_):
        found = model.encodings_[index * classes : (index + 1) * classes]
        table = np.concatenate([np.column_stack(found), means])
        columns.append(_looked_up(nodes, index, np.asarray(categories), table, model))
    nodes.say_numbers(nodes("Concat", *columns, axis=1))


def _grouped(model: OneHotEncoder, index: int, known: int) -> Sequence[int]:
    """Return the place of each known category after rare ones were put together."""
    mapping = _mapping(model, index)
    return list(range(known)) if mapping is None else [int(place) for place in mapping]


def _mapping(model: OneHotEncoder, index: int) -> "NDArray[np.int64] | None":
    if not model._infrequent_enabled:
        return None
    found: NDArray[np.int64] | None = model._default_to_infrequent_mappings[index]
    return found


def _rare_place(model: OneHotEncoder, index: int) -> int:
    """Return the place of rare categories, which unknown ones count as; -1 without any."""
    mapping = _mapping(model, index)
    return -1 if mapping is None else int(mapping[model._infrequent_indices[index][0]])


def _one_at(place: int, dropped: int | None, width: int) -> NDArray[np.float64]:
    """Return a row with a one at a place; without any at a dropped or a negative one."""
    row = np.zeros(width)
    if dropped is not None:
        place = -1 if place == dropped else place - (place > dropped)
    if place >= 0:
        row[place] = 1.0
    return row


def _looked_up(
    nodes: Nodes,
    index: int,
    categories: NDArray[np.generic],
    table: NDArray[np.float64],
    model: OneHotEncoder,
) -> str:
    """Return the row of the table for the category in a column: ``float64[batch, width]``.

    The table may have one row more than there are categories, for unknown ones. Without, and if
    the encoder refuses them, the model fails on a row with an unknown one; else it gives zeros.
    """
    place = places_in_column(nodes, index, categories)
    if len(table) == len(categories) and model.handle_unknown == "error":
        known = np.arange(len(categories)).tolist()
        ones = nodes("OneHotEncoder", place, domain="ai.onnx.ml", cats_int64s=known, zeros=0)
        place = nodes("ArgMax", nodes("Reshape", ones, np.array([-1, len(known)])), axis=1)
    elif len(table) == len(categories):
        table = np.concatenate([table, np.zeros((1, table.shape[1]))])
    unknown = nodes("Less", place, np.int64(0))
    row = nodes("Where", unknown, np.int64(len(categories)), place)
    return nodes("Gather", table, nodes("Reshape", row, np.array([-1])), axis=0)


def places_in_column(nodes: Nodes, index: int, values: NDArray[np.generic]) -> str:
    """Return where each value of a column stands in ``values``, -1 if nowhere: ``int64[batch, 1]``.

    Raises:
        UsageError: The column holds numbers and the values are texts, or the other way round.
    """
    column = nodes.column_as_it_is(index)
    known = values.tolist()
    if any(isinstance(value, str) for value in known) and not nodes.is_text(column):
        raise UsageError(
            f"the categories {known[:4]} are texts, but column {index} holds numbers: give X with "
            "the types of the rows that the model was fitted on, and texts to the model itself or "
            "to an encoder, not through other steps"
        )
    return places_of(nodes, column, values)


def places_of(nodes: Nodes, column: str, values: NDArray[np.generic]) -> str:
    """Return where each value stands in ``values``, -1 if nowhere: ``int64[batch, 1]``.

    Args:
        nodes: Where to write.
        column: The name of texts or numbers.
        values: Texts or numbers; among texts ``None`` and NaN are the empty text.

    Raises:
        UsageError: They are texts and numbers.
    """
    known = values.tolist()
    if any(isinstance(value, str) for value in known):
        return nodes(
            "LabelEncoder",
            nodes("Reshape", column, np.array([-1, 1])),
            domain="ai.onnx.ml",
            keys_strings=_texts(known),
            values_int64s=list(range(len(known))),
            default_int64=-1,
        )
    if nodes.is_text(column):
        raise UsageError(
            f"the categories {known[:4]} are no texts, but the column is given as text: give "
            "columns of numbers and of texts to encoders of their own"
        )
    numbers = np.array([np.nan if _is_missing(value) else value for value in known], dtype=float)
    given = nodes.beside_edges(nodes.cast(column, "float64"))
    given = nodes("Reshape", given, np.array([-1, 1]))
    edges = nodes.edges(numbers)
    same = nodes("Equal", given, edges.reshape(1, -1))
    if np.isnan(edges).any():
        both = nodes("And", nodes("IsNaN", given), np.isnan(edges).reshape(1, -1))
        same = nodes("Or", same, both)
    hits = nodes.cast(same, "int64")
    place = nodes("ArgMax", hits, axis=1, keepdims=1)
    return nodes("Where", nodes("Greater", nodes.total(hits), np.int64(0)), place, np.int64(-1))


def knows_missing_texts(part: object) -> bool:
    """Whether an encoder has a category for missing texts; on a device they are the empty text."""
    if not isinstance(part, OneHotEncoder | OrdinalEncoder | TargetEncoder):
        return False
    columns = [np.asarray(values).tolist() for values in getattr(part, "categories_", ())]
    return any(
        any(isinstance(value, str) for value in values) and any(map(_is_missing, values))
        for values in columns
    )


def _texts(values: Sequence[object]) -> list[str]:
    texts = [MISSING_TEXT if _is_missing(value) else value for value in values]
    others = [text for text in texts if not isinstance(text, str)]
    if others:
        raise UsageError(
            f"the categories {others[:4]} are no texts, but others are: give one kind of value in "
            "a column, numbers or text"
        )
    if texts.count(MISSING_TEXT) > 1:
        raise UsageError(
            "a column has both empty and missing texts among its categories, which are the same on "
            "a device: replace missing ones by '' before fitting"
        )
    return [str(text) for text in texts]


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
