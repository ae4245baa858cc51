"""Repairs of text vectorizers: words of all alphabets, in capitals and not, on every device.

Devices have no locale but "C", which tells capitals apart only from A to Z. Words with other
letters are therefore listed in all their spellings; each counts as the word in small letters.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from math import prod
from typing import Final

import onnx
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import CountVectorizer

from edge_contract.errors import UsageError

__all__ = ["count_words_in_capitals", "text_options"]

_WORD: Final = r"[\p{L}\p{N}_]"
_PATTERNS: Final = {
    r"(?u)\b\w\w+\b": _WORD + "{2,}",
    r"(?u)\b\w+\b": _WORD + "+",
    r"\b\w\w+\b": _WORD + "{2,}",
    r"\b\w+\b": _WORD + "+",
    r"\w+": _WORD + "+",
}
_MAX_SPELLINGS: Final = 256


def text_options(part: BaseEstimator) -> dict[str, bool | str]:
    """Return skl2onnx's options for a vectorizer: no locale, and words as Python splits them.

    Raises:
        UsageError: It has a setting that would count otherwise on a device.
    """
    _require_countable(part)
    options: dict[str, bool | str] = {"locale": "C"}
    pattern = _PATTERNS.get(part.token_pattern)
    if part.analyzer == "word" and pattern is not None:
        options["tokenexp"] = pattern
    return options


def _require_countable(part: BaseEstimator) -> None:
    name = type(part).__name__
    if part.analyzer != "word":  # of characters, white space would count otherwise
        raise UsageError(
            f"{name} with analyzer={part.analyzer!r} cannot be converted: use analyzer='word'"
        )
    for setting in ("strip_accents", "preprocessor", "tokenizer"):
        if getattr(part, setting) is not None:
            raise UsageError(
                f"{name} with {setting}={getattr(part, setting)!r} cannot be converted: leave it "
                "out, and change the texts before the model"
            )
    if part.stop_words is not None and part.ngram_range[1] > 1:
        raise UsageError(
            f"{name} with stop_words and ngram_range={part.ngram_range} joins words across stop "
            "words, which a device does not: use stop_words=None or ngram_range=(1, 1)"
        )
    if "(?" in part.token_pattern and part.token_pattern not in _PATTERNS:
        raise UsageError(
            f"{name} with token_pattern={part.token_pattern!r} cannot be converted: use one of "
            f"{', '.join(map(repr, _PATTERNS))}, or one without '(?'"
        )


def count_words_in_capitals(model: onnx.ModelProto, parts: Sequence[object]) -> None:
    """Let every vectorizer of a model count words with capitals beyond A to Z.

    Args:
        model: To change.
        parts: The estimators in it; vectorizers that keep capitals leave it as it is.

    Raises:
        UsageError: A word has too many spellings.
    """
    vectorizers = [part for part in parts if isinstance(part, CountVectorizer)]
    if not vectorizers or not all(part.lowercase for part in vectorizers):
        return
    for node in model.graph.node:
        if node.op_type == "TfIdfVectorizer":
            _respell(node)


def _respell(node: onnx.NodeProto) -> None:
    attributes = {it.name: it for it in node.attribute}
    weights = attributes.get("weights")  # one for each n-gram of the pool, which grows
    if weights is not None and set(weights.floats) != {1.0}:
        return
    pool = [text.decode() for text in attributes["pool_strings"].strings]
    starts = [int(start) for start in attributes["ngram_counts"].ints]
    longest = attributes["max_gram_length"]  # onnxruntime wants no longer ones than there are
    longest.i = min(longest.i, len(starts))
    columns = list(attributes["ngram_indexes"].ints)
    words: list[str] = []
    indices: list[int] = []
    new_starts: list[int] = []
    done = 0
    for length, (start, end) in enumerate(zip(starts, [*starts[1:], len(pool)], strict=True), 1):
        new_starts.append(len(words))
        for at in range(start, end, length):
            for spelling in _spellings(pool[at : at + length]):
                words += spelling
                indices.append(int(columns[done]))
            done += 1
    if weights is not None:
        node.attribute.remove(weights)
    attributes = {it.name: it for it in node.attribute}
    del attributes["pool_strings"].strings[:]
    attributes["pool_strings"].strings.extend(word.encode() for word in words)
    for name, numbers in (("ngram_counts", new_starts), ("ngram_indexes", indices)):
        del attributes[name].ints[:]
        attributes[name].ints.extend(numbers)


def _spellings(ngram: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield an n-gram with every mix of capitals, of letters that the "C" locale does not know."""
    letters = [[(letter, *_capitals().get(letter, ())) for letter in word] for word in ngram]
    if prod(len(choices) for word in letters for choices in word) > _MAX_SPELLINGS:
        raise UsageError(
            f"the words {' '.join(ngram)!r} have more than {_MAX_SPELLINGS} spellings with "
            "capitals beyond A to Z: make texts lower case before the vectorizer, and set "
            "lowercase=False"
        )
    words = [["".join(choice) for choice in product(*word)] for word in letters]
    yield from product(*words)


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
