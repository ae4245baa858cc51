"""Weights of counted words."""

import numpy as np
from sklearn.feature_extraction.text import TfidfTransformer

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(TfidfTransformer)
def tfidf_transformer(nodes: Nodes, model: TfidfTransformer) -> None:
    """Weigh counts by how rare a word is; for a vectorizer, too, whose settings are the same."""
    counts = nodes.x
    if model.sublinear_tf:  # one plus the logarithm, but zero stays zero
        is_absent = nodes("Equal", counts, 0.0)
        logarithm = nodes("Log", nodes("Where", is_absent, 1.0, counts))
        counts = nodes("Where", is_absent, 0.0, nodes("Add", logarithm, 1.0))
    if model.use_idf:
        counts = nodes("Mul", counts, np.asarray(model.idf_, dtype=np.float64))
    if model.norm is not None:
        counts = nodes("Div", counts, nodes.row_size(counts, model.norm))
    nodes.say_numbers(counts)
