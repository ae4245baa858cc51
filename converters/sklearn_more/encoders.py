"""Encoders of bins and labels."""

import numpy as np
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, LabelBinarizer

from converters.sklearn_more.categories import places_of
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(Binarizer)
def binarizer(nodes: Nodes, model: Binarizer) -> None:
    """Give a one for each value above the threshold."""
    edge = float(nodes.edges(np.array(model.threshold)))
    nodes.say_numbers(nodes.cast(nodes("Greater", nodes.beside_edges(nodes.x), edge), "float64"))


@converts(KBinsDiscretizer)
def k_bins_discretizer(nodes: Nodes, model: KBinsDiscretizer) -> None:
    """Give the bin of each value, as a number or as a one among zeros."""
    columns = []
    for index, edges in enumerate(model.bin_edges_):
        inner = nodes.edges(np.asarray(edges)[1:-1]).reshape(1, -1)
        if not inner.size:
            inner = np.array([[np.inf]])
        passed = nodes("GreaterOrEqual", nodes.beside_edges(nodes.column(nodes.x, index)), inner)
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
