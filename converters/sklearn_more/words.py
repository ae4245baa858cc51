"""Words that are counted: of all alphabets, in capitals and not, on every device.

Devices have no locale but "C", which tells capitals apart only from A to Z. Words with other
letters are therefore listed in all their spellings; each counts as the word in small letters.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import product
from math import prod
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from converters.sklearn_more.arithmetic import row_size
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []

_WORD: Final = r"[\p{L}\p{N}_]"
_PATTERNS: Final = {
    r"(?u)\b\w\w+\b": _WORD + "{2,}",
    r"(?u)\b\w+\b": _WORD + "+",
    r"\b\w\w+\b": _WORD + "{2,}",
    r"\b\w+\b": _WORD + "+",
    r"\w+": _WORD + "+",
}
_MAX_SPELLINGS: Final = 256
_NO_WORD: Final = "\x00"
_UNKNOWN: Final = 0
_STOP: Final = -1


@converts(CountVectorizer)
def count_vectorizer(nodes: Nodes, model: CountVectorizer) -> None:
    """Count words and runs of words."""
    nodes.say_numbers(_counts(nodes, model))


@converts(TfidfVectorizer)
def tfidf_vectorizer(nodes: Nodes, model: TfidfVectorizer) -> None:
    """Count words and runs of words, and weigh them by how rare they are."""
    nodes.say_numbers(_weighed(nodes, _counts(nodes, model), model))


@converts(TfidfTransformer)
def tfidf_transformer(nodes: Nodes, model: TfidfTransformer) -> None:
    """Weigh counts by how rare a word is."""
    nodes.say_numbers(_weighed(nodes, nodes.x, model))


def _weighed(nodes: Nodes, counts: str, model: TfidfTransformer) -> str:
    if model.sublinear_tf:  # one plus the logarithm, but zero stays zero
        is_absent = nodes("Equal", counts, 0.0)
        logarithm = nodes("Log", nodes("Where", is_absent, 1.0, counts))
        counts = nodes("Where", is_absent, 0.0, nodes("Add", logarithm, 1.0))
    if model.use_idf:
        counts = nodes("Mul", counts, np.asarray(model.idf_, dtype=np.float64))
    return (
        counts if model.norm is None else nodes("Div", counts, row_size(nodes, counts, model.norm))
    )


def _counts(nodes: Nodes, model: CountVectorizer) -> str:
    """Return how often each term of the vocabulary occurs: ``float64[batch, terms]``."""
    pattern = _pattern_of(model)
    terms = {tuple(term.split(" ")): int(place) for term, place in model.vocabulary_.items()}
    words = sorted({word for term in terms for word in term})
    numbers = {word: number for number, word in enumerate(words, _UNKNOWN + 1)}
    tokens = nodes("Reshape", nodes.inputs[0], np.array([-1]))
    if model.lowercase:
        tokens = nodes("StringNormalizer", tokens, case_change_action="LOWER", locale="C")
    tokens = nodes(
        "Tokenizer",
        tokens,
        domain="com.microsoft",
        mark=0,
        mincharnum=1,
        pad_value=_NO_WORD,
        tokenexp=pattern,
    )
    tokens = nodes.cast(tokens, "string")  # onnx does not know that they are
    known = _numbered(numbers, model)
    found = nodes(
        "LabelEncoder",
        tokens,
        domain="ai.onnx.ml",
        keys_strings=list(known),
        values_int64s=list(known.values()),
        default_int64=_UNKNOWN,
    )
    if _STOP in known.values():
        found = _without_stops(nodes, found)
    counts = nodes.cast(_counted(nodes, found, terms, numbers), "float64")
    if model.binary:
        counts = nodes.cast(nodes("Greater", counts, 0.0), "float64")
    return counts


def _numbered(numbers: Mapping[str, int], model: CountVectorizer) -> dict[str, int]:
    """Return the number of each word in each of its spellings, and of words that do not count."""
    stops = model.get_stop_words() if model.ngram_range[1] > 1 else None
    listed = {**dict.fromkeys(stops or (), _STOP), **numbers}
    if not model.lowercase:
        return listed
    return {spelling: number for word, number in listed.items() for spelling in _spellings(word)}


def _without_stops(nodes: Nodes, found: str) -> str:
    """Return rows of words whose others moved together, as if the stop words were not there."""
    length = nodes("Shape", found, start=1, end=2)
    is_stop = nodes.cast(nodes("Equal", found, np.int64(_STOP)), "int64")
    steps = nodes("Range", np.int64(0), nodes("Squeeze", length), np.int64(1))
    places = nodes("Add", nodes("Mul", is_stop, length), steps)  # stop words behind all others
    order = nodes.name("order")
    nodes.write(
        "TopK",
        [nodes.cast(places, "float64"), length],
        [nodes.name("sorted"), order],
        axis=1,
        largest=0,
        sorted=1,
    )
    return nodes("GatherElements", found, order, axis=1)


def _counted(
    nodes: Nodes, found: str, terms: Mapping[tuple[str, ...], int], numbers: Mapping[str, int]
) -> str:
    """Return how often each term of numbered words occurs: ``float32[batch, terms]``."""
    longest = max(map(len, terms))
    starts: list[int] = []
    pool: list[int] = []
    places: list[int] = []
    for length in range(1, longest + 1):
        starts.append(len(pool))
        for term, place in terms.items():
            if len(term) == length:
                pool += [numbers[word] for word in term]
                places.append(place)
    return nodes(
        "TfIdfVectorizer",
        found,
        mode="TF",
        min_gram_length=1,
        max_gram_length=longest,
        max_skip_count=0,
        pool_int64s=pool,
        ngram_counts=starts,
        ngram_indexes=places,
    )


def _pattern_of(model: CountVectorizer) -> str:
    """Return the pattern of a word, as devices read it.

    Raises:
        UsageError: The vectorizer has a setting that would count otherwise on a device.
    """
    name = type(model).__name__
    if model.analyzer != "word":
        raise UsageError(
            f"{name} with analyzer={model.analyzer!r} cannot be converted: use analyzer='word'"
        )
    for setting in ("strip_accents", "preprocessor", "tokenizer"):
        if getattr(model, setting) is not None:
            raise UsageError(
                f"{name} with {setting}={getattr(model, setting)!r} cannot be converted: leave it "
                "out, and change the texts before the model"
            )
    pattern: str = model.token_pattern
    parts = [part for term in model.vocabulary_ for part in term.split(" ")]
    is_plain = all(re.fullmatch(pattern, part) for part in parts)  # words have no spaces in them
    if pattern not in _PATTERNS and (
        not is_plain or re.search(r"\(|\\[wWbBdDsS]", pattern) is not None
    ):
        raise UsageError(
            f"{name} with token_pattern={pattern!r} cannot be converted: use one of "
            f"{', '.join(map(repr, _PATTERNS))}, or one of plain letters, such as '[a-z]+'"
        )
    return _PATTERNS.get(pattern, pattern)


def _spellings(word: str) -> Iterator[str]:
    """Yield a word with every mix of capitals, of letters that the "C" locale does not know."""
    letters = [(letter, *_capitals().get(letter, ())) for letter in word]
    if prod(map(len, letters)) > _MAX_SPELLINGS:
        raise UsageError(
            f"the word {word!r} has more than {_MAX_SPELLINGS} spellings with capitals beyond A to "
            "Z: make texts lower case before the vectorizer, and set lowercase=False"
        )
    yield from map("".join, product(*letters))


@cache
def _capitals() -> Mapping[str, tuple[str, ...]]:
    """Return the capitals of every small letter beyond A to Z."""
    found: dict[str, list[str]] = defaultdict(list)
    for code in range(128, sys.maxunicode + 1):
        letter = chr(code)
        small = letter.lower()
        if small != letter and len(small) == 1 and not small.isascii():
            found[small].append(letter)
    return {small: tuple(capitals) for small, capitals in found.items()}
