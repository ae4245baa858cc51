"""How texts become small letters and words before they are counted."""

import re
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    strip_accents_ascii,
    strip_accents_unicode,
)

from converters.sklearn_more.characters import SIGMAS, UNBROKEN
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.respelling import respelled, spellings
from edge_contract.errors import UsageError

__all__ = ["prepared_texts", "word_pattern"]

_LETTER: Final = r"[\p{L}\p{N}_]"
_RUN: Final = re.compile(r"(?:\(\?u\))?(?:\\b)?((?:\\w)*)\\w(?:\+|\{(\d+),\})(?:\\b)?")
"""A pattern of words of so many letters or more, however it is written."""

_UNBROKEN: Final = (r"\S+", r"(?u)\S+")
_OF_SOME: Final = re.compile(r"\[[A-Za-z0-9_-]+\](?:\+|\{\d+,\})")
"""A pattern of words of listed letters, which says the same everywhere."""

_JAMO: Final = frozenset(map(chr, range(0x1100, 0x1200)))
"""The letters of which Korean syllables are made."""

_ACCENTS: Final = {
    "ascii": "ascii",
    "unicode": "unicode",
    strip_accents_ascii: "ascii",
    strip_accents_unicode: "unicode",
}


def prepared_texts(
    nodes: Nodes, model: "CountVectorizer | HashingVectorizer", *, wholly: bool
) -> str:
    """Return texts before they are split: ``string[batch]``, in small letters if the model says so.

    Args:
        nodes: Where to write.
        model: Fitted.
        wholly: Whether all letters become small, and not only those from A to Z; where accents are
            stripped, all do.

    Raises:
        UsageError: They are changed or split by what a device has not.
    """
    _require_plain(model)
    texts = nodes("Reshape", nodes.inputs[0], np.array([-1]))
    if model.lowercase:
        texts = nodes("StringNormalizer", texts, case_change_action="LOWER", locale="C")
    if model.strip_accents is not None:
        return _without_accents(nodes, model, texts)
    if model.lowercase and wholly:
        return respelled(nodes, texts, spellings(lowercase=True), others=None, greek=True)
    return texts


def word_pattern(model: "CountVectorizer | HashingVectorizer") -> str:
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
    vocabulary = getattr(model, "vocabulary_", None)
    parts = [part for term in vocabulary or () for part in term.split(" ")]
    is_plain = all(re.fullmatch(pattern, part) for part in parts)  # words have no spaces in them
    is_known = vocabulary is not None or _OF_SOME.fullmatch(pattern) is not None
    if not is_plain or not is_known or re.search(r"\(|\\[wWbBdDsS]", pattern) is not None:
        raise UsageError(
            f"{type(model).__name__} with token_pattern={pattern!r} cannot be converted: use "
            r"'\w+', '\b\w\w+\b' or the like, '\S+', or one of plain letters, such as '[a-z]+'"
        )
    return pattern


def _without_accents(nodes: Nodes, model: "CountVectorizer | HashingVectorizer", texts: str) -> str:
    """Return texts as the model's ``strip_accents`` makes them, in small letters if it says so.

    Raises:
        UsageError: It strips by a function of its own.
    """
    accents = _ACCENTS.get(model.strip_accents, "")
    vocabulary = getattr(model, "vocabulary_", None)
    alphabet = {letter for term in vocabulary or () for letter in term}
    if not accents:
        raise UsageError(
            f"{type(model).__name__} with strip_accents={model.strip_accents!r} cannot be "
            "converted: use 'ascii' or 'unicode', or change the texts before the model"
        )
    counts_runs = model.analyzer == "word" and model.ngram_range[1] > 1
    is_korean = vocabulary is None or counts_runs or not _JAMO.isdisjoint(alphabet)
    known = spellings(lowercase=model.lowercase, accents=accents, korean=is_korean)
    others = "" if accents == "ascii" else None
    greek = model.lowercase and (vocabulary is None or not SIGMAS.isdisjoint(alphabet))
    return respelled(nodes, texts, known, others=others, greek=greek and others is None)


def _require_plain(model: "CountVectorizer | HashingVectorizer") -> None:
    """Raise ``UsageError`` if texts are changed or split by what a device has not."""
    name = type(model).__name__
    if model.analyzer not in ("word", "char", "char_wb"):
        raise UsageError(
            f"{name} with analyzer={model.analyzer!r} cannot be converted: use 'word', 'char' or "
            "'char_wb'"
        )
    for setting in ("preprocessor", "tokenizer"):
        if getattr(model, setting) is not None:
            raise UsageError(
                f"{name} with {setting}={getattr(model, setting)!r} cannot be converted: leave it "
                "out, and change the texts before the model"
            )
