"""Texts in another spelling: letters without their accents, on every device.

Letters are looked up one by one and put together again, text after text, so that a long one does
not make others long.
"""

import sys
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto

from converters.sklearn_more.bodies import Body, Port
from converters.sklearn_more.nodes import Nodes

__all__ = ["respelled", "spellings"]

_SAME: Final = "\x00"
"""What a letter is looked up as that stays what it is."""

_PLAIN, _CASED, _OVERLOOKED = 0, 1, 2
"""Kinds of letters."""

_LAST_SIGMA: Final = "\u03c2"
_CAPITAL_SIGMA: Final = "\u03a3"
_HANGUL: Final = range(0xAC00, 0xD7A4)
_SURROGATES: Final = range(0xD800, 0xE000)


@cache
def spellings(*, lowercase: bool, accents: str = "", korean: bool = False) -> Mapping[str, str]:
    """Return what scikit-learn makes of letters, of those that it changes.

    Args:
        lowercase: Whether capitals beyond A to Z become small before.
        accents: ``ascii``, where letters vanish that are no ASCII without accents, ``unicode``, or
            nothing to keep them.
        korean: Whether to list Korean syllables, which fall into their letters; there are many.
    """
    found = {}
    for code in range(sys.maxunicode + 1):
        if code in _SURROGATES or (code in _HANGUL and not korean and accents != "ascii"):
            continue
        letter = chr(code)
        plain = _without_accents(letter.lower() if lowercase else letter, accents)
        if plain != (letter if accents != "ascii" or letter.isascii() else ""):
            found[letter] = plain
    return found


def _without_accents(text: str, accents: str) -> str:
    match accents:
        case "ascii":
            return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
        case "unicode":
            parts = unicodedata.normalize("NFKD", text)
            return "".join(it for it in parts if not unicodedata.combining(it))
        case _:
            return text


def respelled(
    nodes: Nodes, texts: str, known: Mapping[str, str], *, others: str | None, greek: bool = False
) -> str:
    """Return texts whose letters were replaced: ``string[batch]``.

    Args:
        nodes: Where to write.
        texts: ``string[batch]``.
        known: What becomes of letters.
        others: What becomes of all others; they stay if it is ``None``.
        greek: Whether the capital sigma becomes the small one for ends of words where it is at one.
    """
    return nodes("Scan", texts, body=_of_one(known, others, greek=greek), num_scan_inputs=1)


def _of_one(known: Mapping[str, str], others: str | None, *, greek: bool) -> GraphProto:
    """Return what happens to one text."""
    plain = {chr(code): chr(code) for code in range(128)} | dict(known)
    listed = known if others is None else plain
    body = Body("of_one")
    split = body(
        "Tokenizer",
        body.flat("text"),
        domain="com.microsoft",
        mark=0,
        mincharnum=1,
        pad_value="",
        separators=[""],
    )
    # onnx does not know that they are texts; and there is one at least
    letters = body("Concat", body.flat(body.cast(split, "string")), _texts([""]), axis=0)
    found = body(
        "LabelEncoder",
        letters,
        domain="ai.onnx.ml",
        keys_strings=list(listed),
        values_strings=list(listed.values()),
        default_string=_SAME if others is None else others,
    )
    pieces = body("Where", body("Equal", found, _texts(_SAME)), letters, found)
    if greek:
        pieces = _with_last_sigmas(body, letters, pieces)
    are_several = body("Greater", body("Size", pieces), np.int64(1))
    whole = body("Loop", "", are_several, pieces, body=_joined_by_twos())
    said = body("Reshape", whole, np.array([], dtype=np.int64))
    return body.graph([Port("text", "string", [])], [Port(said, "string", [])])


def _with_last_sigmas(body: Body, letters: str, pieces: str) -> str:
    """Return pieces with the small sigma for ends of words, where Python sets it.

    It is at one if the letter before it has a capital or small form, and the one behind it has not;
    marks, apostrophes and the like are overlooked.
    """
    listed = letter_kinds()
    kinds = body(
        "LabelEncoder",
        letters,
        domain="ai.onnx.ml",
        keys_strings=list(listed),
        values_int64s=list(listed.values()),
        default_int64=_PLAIN,
    )
    is_seen = body("Not", body("Equal", kinds, np.int64(_OVERLOOKED)))
    seen = body.flat(body("NonZero", is_seen))
    beside = body("Pad", body("Gather", kinds, seen), np.array([1, 1]))
    before = body("Slice", beside, np.array([0]), np.array([-2]))
    behind = body("Slice", beside, np.array([2]), np.array([2**31]))
    goes_on = body("Equal", behind, np.int64(_CASED))
    is_last = body("And", body("Equal", before, np.int64(_CASED)), body("Not", goes_on))
    nowhere = body("Mul", kinds, np.int64(0))
    ends = body("ScatterElements", nowhere, seen, body.cast(is_last, "int64"))
    is_sigma = body("Equal", letters, _texts(_CAPITAL_SIGMA))
    is_last_sigma = body("And", body.cast(ends, "bool"), is_sigma)
    return body("Where", is_last_sigma, _texts(_LAST_SIGMA), pieces)


@cache
def letter_kinds() -> Mapping[str, int]:
    """Return which letters have a capital or small form, and which characters are overlooked."""
    found = {}
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if code in _SURROGATES:
            continue
        if f"{letter}{_CAPITAL_SIGMA}".lower()[-1] == _LAST_SIGMA:
            found[letter] = _CASED
        elif f"a{letter}{_CAPITAL_SIGMA}".lower()[-1] == _LAST_SIGMA:
            found[letter] = _OVERLOOKED
    return found


def _joined_by_twos() -> GraphProto:
    """Return a round that joins each two neighbouring pieces; it is the last if one is left."""
    body = Body("by_twos")
    odd = body("Mod", body("Size", "parts"), np.int64(2))
    filling = body("Slice", _texts([""]), np.array([0]), body.flat(odd))
    twos = body("Reshape", body("Concat", "parts", filling, axis=0), np.array([-1, 2]))
    sides = [body("Gather", twos, np.int64(place), axis=1) for place in (0, 1)]
    joined = body("StringConcat", *sides)
    goes_on = body("Greater", body("Size", joined), np.int64(1))
    return body.graph(
        [
            Port("turn", "int64", []),
            Port("was_several", "bool", []),
            Port("parts", "string", [None]),
        ],
        [Port(goes_on, "bool", []), Port(joined, "string", [None])],
    )


def _texts(values: str | Sequence[str]) -> NDArray[np.object_]:
    return np.array(values, dtype=object)
