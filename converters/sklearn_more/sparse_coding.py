"""Codes over a dictionary, where they are found without a search."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import DictionaryLearning, MiniBatchDictionaryLearning, SparseCoder

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(SparseCoder)
def sparse_coder(nodes: Nodes, model: SparseCoder) -> None:
    """Give the code over the dictionary that was given."""
    _say_code(nodes, model, np.asarray(model.dictionary), alpha=model.transform_alpha)


@converts(DictionaryLearning, MiniBatchDictionaryLearning)
def dictionary_learning(nodes: Nodes, model: DictionaryLearning) -> None:
    """Give the code over the dictionary that was learned."""
    alpha = model.alpha if model.transform_alpha is None else model.transform_alpha
    _say_code(nodes, model, np.asarray(model.components_), alpha=alpha)


def _say_code(
    nodes: Nodes, model: SparseCoder, dictionary: NDArray[np.generic], *, alpha: float | None
) -> None:
    alike = nodes.linear(nodes.x, dictionary.T)
    match model.transform_algorithm:
        case "threshold":
            code = _shrunk(nodes, alike, 1.0 if alpha is None else float(alpha))
            code = nodes("Max", code, 0.0) if model.positive_code else code
        case "omp" if _atoms(model, dictionary) == 1:
            code = _best_atom(nodes, alike, dictionary)
        case other:
            raise UsageError(
                f"{type(model).__name__} with transform_algorithm={other!r} searches for its code: "
                "use 'threshold', or 'omp' with transform_n_nonzero_coefs=1"
            )
    if model.split_sign:
        negative = nodes("Neg", nodes("Min", code, 0.0))
        code = nodes("Concat", nodes("Max", code, 0.0), negative, axis=1)
    nodes.say_numbers(code)


def _atoms(model: SparseCoder, dictionary: NDArray[np.generic]) -> int:
    given = model.transform_n_nonzero_coefs
    return int(min(max(dictionary.shape[1] / 10, 1), len(dictionary)) if given is None else given)


def _shrunk(nodes: Nodes, value: str, by: float) -> str:
    size = nodes("Max", nodes("Sub", nodes("Abs", value), by), 0.0)
    return nodes("Mul", nodes("Sign", value), size)


def _best_atom(nodes: Nodes, alike: str, dictionary: NDArray[np.generic]) -> str:
    best = nodes("ArgMax", nodes("Abs", alike), axis=1, keepdims=1)
    is_best = nodes("Equal", best, np.arange(len(dictionary)).reshape(1, -1))
    squares = (dictionary.astype(np.float64) ** 2).sum(axis=1)
    weight = nodes("Div", alike, np.where(squares == 0, 1.0, squares))
    return nodes("Where", is_best, weight, 0.0)
