"""Words that are counted: of all alphabets, in capitals and not, on every device.

Devices have no locale but "C", which tells capitals apart only from A to Z. Words with other
letters are therefore listed in all their spellings; each counts as the word in small letters.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer

from converters.sklearn_more.arithmetic import row_size
from converters.sklearn_more.characters import SIGMAS, character_counts
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.sklearn_more.split_texts import prepared_texts, word_pattern
from converters.sklearn_more.terms import NOTHING, STOP, UNKNOWN, capitals, counted, without_stops

__all__: list[str] = []

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
    wholly = model.lowercase and _is_spelled_in_many_ways(model)
    texts = prepared_texts(nodes, model, wholly=wholly)
    if wholly or model.strip_accents is not None:
        model = copy.copy(model)
        model.lowercase = False  # all letters of texts are small already
    counts = _word_counts if model.analyzer == "word" else character_counts
    found = nodes.cast(counts(nodes, model, texts), "float64")
    return nodes.cast(nodes("Greater", found, 0.0), "float64") if model.binary else found


def _word_counts(nodes: Nodes, model: CountVectorizer, texts: str) -> str:
    pattern = word_pattern(model)
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


def _is_spelled_in_many_ways(model: CountVectorizer) -> bool:
    """Whether texts with capitals cannot be listed that become the same in small letters.

    There are too many, or a Greek capital becomes small in another way at the end of a word.
    """
    stops = model.get_stop_words() or ()
    words = {word for term in (*model.vocabulary_, *stops) for word in term.split(" ")}
    if not SIGMAS.isdisjoint(letter for word in words for letter in word):
        return True
    is_word = model.analyzer == "word"
    return is_word and any(prod(map(len, _letters(it))) > _MAX_SPELLINGS for it in words)


def _spellings(word: str) -> Iterator[str]:
    """Yield a word with every mix of capitals, of letters that the "C" locale does not know."""
    yield from map("".join, product(*_letters(word)))


def _letters(word: str) -> Sequence[Sequence[str]]:
    """Return each letter of a word in all its forms."""
    letters = [(letter, *capitals().get(letter, ())) for letter in word]
    if prod(map(len, letters)) > _MAX_SPELLINGS:  # nobody writes kelvins that often
        letters = [(it[0],) if it[0].isascii() else it for it in letters]
    return letters
