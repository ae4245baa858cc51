"""Runs of numbered words or characters, and how often they occur."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np

from converters.sklearn_more.nodes import Nodes

__all__ = ["NOTHING", "STOP", "UNKNOWN", "capitals", "counted", "without_stops"]

UNKNOWN: Final = 0
"""The number of what the vocabulary does not know."""

STOP: Final = -1
"""The number of what counts as if it were not there."""

NOTHING: Final = "\x00"
"""What fills up rows that are shorter than others."""


def counted(
    nodes: Nodes, found: str, terms: Mapping[Sequence[str], int], numbers: Mapping[str, int]
) -> str:
    """Return how often each term occurs: ``float32[batch, terms]``.

    Args:
        nodes: Where to write.
        found: The number of each word or character: ``int64[batch, length]``.
        terms: Runs of words or characters, and their columns.
        numbers: Of the words or characters that they are made of.
    """
    longest = max(map(len, terms))
    starts: list[int] = []
    pool: list[int] = []
    places: list[int] = []
    for length in range(1, longest + 1):
        starts.append(len(pool))
        for term, place in terms.items():
            if len(term) == length:
                pool += [numbers[part] for part in term]
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


def without_stops(nodes: Nodes, found: str) -> str:
    """Return rows of numbers whose others moved together, as if :data:`STOP` were not there."""
    length = nodes("Shape", found, start=1, end=2)
    is_stop = nodes.cast(nodes("Equal", found, np.int64(STOP)), "int64")
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


@cache
def capitals() -> Mapping[str, tuple[str, ...]]:
    """Return the capitals beyond A to Z of every small letter; of k the sign of kelvin."""
    found: dict[str, list[str]] = defaultdict(list)
    for code in range(128, sys.maxunicode + 1):
        letter = chr(code)
        small = letter.lower()
        if small != letter and len(small) == 1:
            found[small].append(letter)
    return {small: tuple(letters) for small, letters in found.items()}
