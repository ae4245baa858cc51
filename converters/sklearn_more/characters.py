"""Characters that are counted, alone and in runs, across a text or within its words."""

import sys
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.terms import STOP, UNKNOWN, capitals, counted, without_stops

__all__ = ["SIGMAS", "UNBROKEN", "character_counts"]

_SPACE: Final = " "
SIGMAS: Final = frozenset("\u03c3\u03c2")
"""Small letters of one Greek capital."""

_PAD: Final = -2
"""The number of what stands where a text or word has no character."""

_LAST: Final = np.array([2])
UNBROKEN: Final = (  # what Python takes for a space, RE2 does not
    r"[^\t\n\x0b\f\r\x1c-\x1f \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}"
    r"\x{3000}]+"
)
"""A run of characters without a space, for devices."""


def character_counts(nodes: Nodes, model: CountVectorizer, texts: str) -> str:
    """Return how often each run of characters occurs: ``float32[batch, terms]``.

    Args:
        nodes: Where to write.
        model: Fitted, with ``analyzer="char"`` or ``"char_wb"``.
        texts: ``string[batch]``, those of A to Z in small letters if the model wants all so. It
            knows no Greek sigma then, whose small form depends on the letters beside it.
    """
    terms: dict[Sequence[str], int] = {
        tuple(term): int(place) for term, place in model.vocabulary_.items()
    }
    alphabet = sorted({letter for term in terms for letter in term})
    numbers = {letter: number for number, letter in enumerate(alphabet, UNKNOWN + 1)}
    known = dict(numbers)
    if model.lowercase:
        known |= {
            it: number for small, number in numbers.items() for it in capitals().get(small, ())
        }
    space = np.int64(numbers.get(_SPACE, UNKNOWN))
    if model.analyzer == "char":
        found = _across(nodes, texts, known, space)
    else:
        found = _within(nodes, texts, known, space)
    return counted(nodes, found, terms, numbers)


def _across(nodes: Nodes, texts: str, known: dict[str, int], space: np.int64) -> str:
    """Return the number of every character; several spaces of any kind are one."""
    letters = _filled(nodes, _split(nodes, texts, separators=[""]), by="")
    found = _looked_up(nodes, letters, {**known, "": _PAD}, default=UNKNOWN)
    is_space = _looked_up(nodes, letters, dict.fromkeys(_spaces(), 1), default=0)
    none = nodes("Mul", nodes.columns(is_space, np.array([0])), np.int64(0))
    row = nodes("Concat", none, is_space, none, axis=1)
    before = nodes("Slice", row, np.array([0]), np.array([-2]), np.array([1]))
    after = nodes("Slice", row, np.array([2]), np.array([2**31]), np.array([1]))
    is_later = nodes("Equal", nodes("Add", is_space, before), np.int64(2))
    is_first = nodes("Equal", nodes("Add", is_space, after), np.int64(2))
    found = nodes("Where", is_first, space, found)
    return without_stops(nodes, nodes("Where", is_later, np.int64(STOP), found))


def _within(nodes: Nodes, texts: str, known: dict[str, int], space: np.int64) -> str:
    """Return the number of every character of every word, and of a space on both sides of it."""
    words = _filled(nodes, _split(nodes, texts, tokenexp=UNBROKEN), by=_SPACE)  # no word has one
    letters = _split(nodes, words, separators=[""])
    found = _looked_up(nodes, letters, {**known, _SPACE: _PAD, "": _PAD}, default=UNKNOWN)
    first = nodes("Gather", found, np.array([0]), axis=2)
    pad = nodes("Add", nodes("Mul", first, np.int64(0)), np.int64(_PAD))
    begin = nodes("Where", nodes("Equal", first, np.int64(_PAD)), np.int64(_PAD), space)
    body, before = nodes("Concat", found, pad, axis=2), nodes("Concat", pad, found, axis=2)
    is_over = nodes("Equal", body, np.int64(_PAD))
    was_over = nodes("Equal", before, np.int64(_PAD))
    is_end = nodes("And", is_over, nodes("Not", was_over))
    padded = nodes("Concat", pad, begin, nodes("Where", is_end, space, body), axis=2)
    return nodes("Flatten", padded, axis=1)


def _split(nodes: Nodes, texts: str, **how: object) -> str:
    parts = nodes(
        "Tokenizer",
        texts,
        domain="com.microsoft",
        mark=0,
        mincharnum=1,
        pad_value="",
        **how,
    )
    return nodes.cast(parts, "string")  # onnx does not know that they are


def _filled(nodes: Nodes, parts: str, *, by: str) -> str:
    """Return parts of texts, and behind them one more: ``string[batch, parts + 1]``."""
    texts = nodes("Reshape", nodes.inputs[0], np.array([-1, 1]))
    nothing = nodes(
        "LabelEncoder",
        texts,
        domain="ai.onnx.ml",
        keys_strings=[by],
        values_strings=[by],
        default_string=by,
    )
    return nodes("Concat", parts, nothing, axis=1)


def _looked_up(nodes: Nodes, letters: str, known: dict[str, int], *, default: int) -> str:
    return nodes(
        "LabelEncoder",
        letters,
        domain="ai.onnx.ml",
        keys_strings=list(known),
        values_int64s=list(known.values()),
        default_int64=default,
    )


@cache
def _spaces() -> tuple[str, ...]:
    return tuple(chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace())
