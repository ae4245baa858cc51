"""Words that are counted by their hashes, text after text."""

from typing import Final

import numpy as np
from onnx import GraphProto
from sklearn.feature_extraction.text import HashingVectorizer

from converters.sklearn_more.bodies import Body, Port
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.sklearn_more.split_texts import prepared_texts, word_pattern
from edge_contract.errors import UsageError

__all__: list[str] = []

_MAX_COLUMNS: Final = 2**16
_SHORTEST: Final = -(2**31)


@converts(HashingVectorizer)
def hashing_vectorizer(nodes: Nodes, model: HashingVectorizer) -> None:
    """Count words and runs of words by their hashes.

    Raises:
        UsageError: It hashes characters, or has so many columns that devices could not hold them.
    """
    if model.analyzer != "word":
        raise UsageError(
            f"HashingVectorizer with analyzer={model.analyzer!r} cannot be converted: use 'word', "
            "or CountVectorizer or TfidfVectorizer, which know characters"
        )
    if model.n_features > _MAX_COLUMNS:
        raise UsageError(
            f"HashingVectorizer with n_features={model.n_features} makes so many numbers of every "
            f"row, where devices have no sparse tables: fit it with n_features={_MAX_COLUMNS} or "
            "fewer, or use TfidfVectorizer(max_features=...)"
        )
    texts = prepared_texts(nodes, model, wholly=True)
    nodes.say_numbers(nodes("Scan", texts, body=_of_one(model), num_scan_inputs=1))


def _of_one(model: HashingVectorizer) -> GraphProto:
    """Return what happens to one text."""
    body = Body("of_text")
    tokens = body(
        "Tokenizer",
        body.flat("text"),
        domain="com.microsoft",
        mark=0,
        mincharnum=1,
        pad_value="",
        tokenexp=word_pattern(model),
    )
    words = body.flat(body.cast(tokens, "string"))  # onnx does not know that they are texts
    stops = sorted(model.get_stop_words() or ())
    if stops:
        counts = body(
            "LabelEncoder",
            words,
            domain="ai.onnx.ml",
            keys_strings=stops,
            values_int64s=[0] * len(stops),
            default_int64=1,
        )
        words = body("Compress", words, body.cast(counts, "bool"), axis=0)
    hashes = body(
        "MurmurHash3", _terms(body, words, model.ngram_range), domain="com.microsoft", positive=0
    )
    hashed = body.cast(hashes, "int64")
    said = _counted(body, hashed, model)
    return body.graph([Port("text", "string", [])], [Port(said, "float64", [model.n_features])])


def _terms(body: Body, words: str, lengths: tuple[int, int]) -> str:
    """Return words, and runs of them with spaces between."""
    terms, found = words, [words] if lengths[0] == 1 else []
    end = np.array([2**31])
    for length in range(2, lengths[1] + 1):
        before = body("Slice", terms, np.array([0]), np.array([-1]))
        after = body("Slice", words, np.array([length - 1]), end)
        spaced = body("StringConcat", before, np.array(" ", dtype=object))
        terms = body("StringConcat", spaced, after)
        found += [terms] if length >= lengths[0] else []
    return body("Concat", *found, axis=0) if len(found) > 1 else found[0]


def _counted(body: Body, hashed: str, model: HashingVectorizer) -> str:
    """Return the row: ``float64[columns]``."""
    columns = np.int64(model.n_features)
    sizes = body("Mod", body("Abs", hashed), columns)
    odd = (2**31 - 1 - (int(columns) - 1)) % int(columns)  # its size is no number of 32 bits
    places = body("Where", body("Equal", hashed, np.int64(_SHORTEST)), np.int64(odd), sizes)
    ones = body("Add", body("Mul", body.cast(places, "float64"), 0.0), 1.0)
    if model.alternate_sign and not model.binary:
        ones = body("Where", body("Less", hashed, np.int64(0)), body("Neg", ones), ones)
    zeros = body("Expand", 0.0, np.array([columns]))
    row = body("ScatterElements", zeros, places, ones, axis=0, reduction="add")
    if model.binary:
        row = body("Min", row, 1.0)
    if model.norm is None:
        return row
    kind = {"l1": "ReduceL1", "l2": "ReduceL2", "max": "ReduceMax"}[model.norm]
    size = body(kind, body("Abs", row), keepdims=0)
    return body("Div", row, body("Where", body("Equal", size, 0.0), 1.0, size))
