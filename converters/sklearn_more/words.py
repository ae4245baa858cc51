"""Words that are counted: of all alphabets, in capitals and not, on every device.

Devices have no locale but "C", which tells capitals apart only from A to Z. Words with other
letters are therefore listed in all their spellings; each counts as the word in small letters.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from converters.sklearn_more.arithmetic import row_size
from converters.sklearn_more.characters import UNBROKEN, character_counts
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.sklearn_more.terms import NOTHING, STOP, UNKNOWN, capitals, counted, without_stops
from edge_contract.errors import UsageError

__all__: list[str] = []

_LETTER: Final = r"[\p{L}\p{N}_]"
_RUN: Final = re.compile(r"(?:\(\?u\))?(?:\\b)?((?:\\w)*)\\w(?:\+|\{(\d+),\})(?:\\b)?")
"""A pattern of words of so many letters or more, however it is written."""

_UNBROKEN: Final = (r"\S+", r"(?u)\S+")
_MAX_SPELLINGS: Final = 256
_SIGMA: Final = "\u03c3"
_FINAL_SIGMA: Final = "\u03c2"
_CAPITAL_SIGMA: Final = "\u03a3"


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
    _require_plain(model)
    texts = nodes("Reshape", nodes.inputs[0], np.array([-1]))
    if model.lowercase:
        texts = nodes("StringNormalizer", texts, case_change_action="LOWER", locale="C")
    counts = _word_counts if model.analyzer == "word" else character_counts
    found = nodes.cast(counts(nodes, model, texts), "float64")
    return nodes.cast(nodes("Greater", found, 0.0), "float64") if model.binary else found


def _word_counts(nodes: Nodes, model: CountVectorizer, texts: str) -> str:
    pattern = _pattern_of(model)
    terms: dict[Sequence[str], int] = {
        tuple(term.split(" ")): int(place) for term, place in model.vocabulary_.items()
    }
    words = sorted({word for term in terms for word in term})
    numbers = {word: number for number, word in enumerate(words, UNKNOWN + 1)}
    tokens = nodes(
        "Tokenizer",
        texts,
        domain="com.microsoft",
        mark=0,
        mincharnum=1,
        pad_value=NOTHING,
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
        default_int64=UNKNOWN,
    )
    if STOP in known.values():
        found = without_stops(nodes, found)
    return counted(nodes, found, terms, numbers)


def _numbered(numbers: Mapping[str, int], model: CountVectorizer) -> dict[str, int]:
    """Return the number of each word in each of its spellings, and of words that do not count."""
    stops = model.get_stop_words() if model.ngram_range[1] > 1 else None
    listed = {**dict.fromkeys(stops or (), STOP), **numbers}
    if not model.lowercase:
        return listed
    return {spelling: number for word, number in listed.items() for spelling in _spellings(word)}


def _require_plain(model: CountVectorizer) -> None:
    """Raise ``UsageError`` if texts are changed or split by what a device has not."""
    name = type(model).__name__
    if model.analyzer not in ("word", "char", "char_wb"):
        raise UsageError(
            f"{name} with analyzer={model.analyzer!r} cannot be converted: use 'word', 'char' or "
            "'char_wb'"
        )
    for setting in ("strip_accents", "preprocessor", "tokenizer"):
        if getattr(model, setting) is not None:
            raise UsageError(
                f"{name} with {setting}={getattr(model, setting)!r} cannot be converted: leave it "
                "out, and change the texts before the model"
            )


def _pattern_of(model: CountVectorizer) -> str:
    """Return the pattern of a word, as devices read it.

    Raises:
        UsageError: They would read it otherwise.
    """
    pattern: str = model.token_pattern
    run = _RUN.fullmatch(pattern)
    if run is not None:
        least = len(run[1]) // 2 + int(run[2] or 1)
        return f"{_LETTER}{{{least},}}"
    if pattern in _UNBROKEN:
        return UNBROKEN
    parts = [part for term in model.vocabulary_ for part in term.split(" ")]
    is_plain = all(re.fullmatch(pattern, part) for part in parts)  # words have no spaces in them
    if not is_plain or re.search(r"\(|\\[wWbBdDsS]", pattern) is not None:
        raise UsageError(
            f"{type(model).__name__} with token_pattern={pattern!r} cannot be converted: use "
            r"'\w+', '\b\w\w+\b' or the like, '\S+', or one of plain letters, such as '[a-z]+'"
        )
    return pattern


def _spellings(word: str) -> Iterator[str]:
    """Yield a word with every mix of capitals, of letters that the "C" locale does not know."""
    letters = [(letter, *_forms(word, place)) for place, letter in enumerate(word)]
    if prod(map(len, letters)) > _MAX_SPELLINGS:  # nobody writes kelvins that often
        letters = [(it[0],) if it[0].isascii() else it for it in letters]
    if prod(map(len, letters)) > _MAX_SPELLINGS:
        raise UsageError(
            f"the word {word!r} has more than {_MAX_SPELLINGS} spellings with capitals beyond A to "
            "Z: make texts lower case before the vectorizer, and set lowercase=False"
        )
    yield from map("".join, product(*letters))


def _forms(word: str, place: int) -> Sequence[str]:
    """Return the capitals of a letter; that of sigma is another letter at the end of a word."""
    letter = word[place]
    if place == len(word) - 1 and place and word[place - 1].isalpha():
        return {_FINAL_SIGMA: _CAPITAL_SIGMA, _SIGMA: ""}.get(letter, capitals().get(letter, ()))
    return capitals().get(letter, ())
