"""Encoders of categories and bins."""

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import KBinsDiscretizer, LabelBinarizer, TargetEncoder

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__ = ["places_of"]


@converts(KBinsDiscretizer)
def k_bins_discretizer(nodes: Nodes, model: KBinsDiscretizer) -> None:
    """Give the bin of each value, as a number or as a one among zeros."""
    columns = []
    for index, edges in enumerate(model.bin_edges_):
        inner = nodes.edges(np.asarray(edges)[1:-1]).reshape(1, -1)
        if not inner.size:
            inner = np.array([[np.inf]])
        passed = nodes("GreaterOrEqual", nodes.column(nodes.x, index), inner)
        place = nodes.total(nodes.cast(passed, "int64"))
        if model.encode != "ordinal":
            count = int(model.n_bins_[index])
            place = nodes("Equal", place, np.arange(count).reshape(1, -1))
        columns.append(nodes.cast(place, "float64"))
    nodes.say_numbers(nodes("Concat", *columns, axis=1))


@converts(LabelBinarizer)
def label_binarizer(nodes: Nodes, model: LabelBinarizer) -> None:
    """Give one column for each label, or one for two labels."""
    labels = np.asarray(model.classes_)
    place = places_of(nodes, nodes.inputs[0], labels)
    wanted = np.arange(len(labels)) if len(labels) > 2 else np.array([len(labels) - 1])
    is_label = nodes("Equal", place, wanted.reshape(1, -1))
    values = nodes("Where", is_label, float(model.pos_label), float(model.neg_label))
    nodes.say_numbers(values)


@converts(TargetEncoder)
def target_encoder(nodes: Nodes, model: TargetEncoder) -> None:
    """Give the mean target of each category, and of all rows for a category never seen."""
    classes = len(model.classes_) if model.target_type_ == "multiclass" else 1
    means = np.asarray(model.target_mean_, dtype=np.float64).reshape(1, -1)
    columns = []
    for index, categories in enumerate(model.categories_):
        place = places_of(nodes, _column(nodes, index), np.asarray(categories))
        found = model.encodings_[index * classes : (index + 1) * classes]
        table = np.concatenate([np.column_stack(found), means])
        unknown = nodes("Less", place, np.int64(0))
        row = nodes("Where", unknown, np.int64(len(categories)), place)
        columns.append(nodes("Gather", table, nodes("Squeeze", row, np.array([1])), axis=0))
    nodes.say_numbers(nodes("Concat", *columns, axis=1))


def places_of(nodes: Nodes, column: str, values: NDArray[np.generic]) -> str:
    """Return where each value stands in ``values``, -1 if nowhere: ``int64[batch, 1]``."""
    if values.dtype.kind in "OU":
        return nodes(
            "LabelEncoder",
            nodes("Reshape", column, np.array([-1, 1])),
            domain="ai.onnx.ml",
            keys_strings=[str(value) for value in values.tolist()],
            values_int64s=list(range(len(values))),
            default_int64=-1,
        )
    given = nodes("Reshape", nodes.cast(column, "float64"), np.array([-1, 1]))
    known = nodes.edges(values)
    same = nodes("Equal", given, known.reshape(1, -1))
    if np.isnan(known).any():
        both = nodes("And", nodes("IsNaN", given), np.isnan(known).reshape(1, -1))
        same = nodes("Or", same, both)
    hits = nodes.cast(same, "int64")
    place = nodes("ArgMax", hits, axis=1, keepdims=1)
    return nodes("Where", nodes("Greater", nodes.total(hits), np.int64(0)), place, np.int64(-1))


def _column(nodes: Nodes, index: int) -> str:
    """Return a column in its own type, whether the columns come together or one by one."""
    if len(nodes.inputs) > 1:
        return nodes.inputs[index]
    return nodes.column(nodes.inputs[0], index)
