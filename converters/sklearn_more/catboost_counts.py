"""CatBoost's numbers that are made of counted labels, for each combination of categories."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from converters.sklearn_more.catboost_categories import Categories
from converters.sklearn_more.catboost_file import Counted, Counts, Element
from converters.sklearn_more.lookups import Above, Among, Lookup
from edge_contract.errors import UsageError

__all__ = ["Columns", "lookup_of"]

_EMPTY: Final = 2**64 - 1
_FACTOR: Final = 0x4906BA494954CB65
_MAX_COMBINATIONS: Final = 200_000


class Columns(NamedTuple):
    """Places of columns by their index among those of their kind.

    Attributes:
        numbers: Of numbers.
        categories: Of categories.
        missing_above: Those of numbers whose missing values are above all borders, by index.
    """

    numbers: Mapping[int, int]
    categories: Mapping[int, int]
    missing_above: frozenset[int]


class _Part(NamedTuple):
    """A part of a combination, and what of it goes into the hash for each answer."""

    asked: Among | Above
    hashed: Sequence[int | None]


def lookup_of(counted: Counted, counts: Counts, columns: Columns, categories: Categories) -> Lookup:
    """Return the numbers that trees compare with borders.

    Raises:
        UsageError: A combination was counted whose categories no row has, or there are too many.
    """
    parts = [_part(it, columns, categories) for it in counted["elements"]]
    # categories go into the hash first, whatever their place
    parts.sort(key=lambda part: isinstance(part.asked, Above))
    size = prod(part.asked.size for part in parts)
    if size > _MAX_COMBINATIONS:
        raise UsageError(
            f"CatBoost counted labels for {size:,} combinations of categories, of which at most "
            f"{_MAX_COMBINATIONS:,} can be converted: fit with max_ctr_complexity=1, or encode "
            "categories before the model"
        )
    known = {hash_: place for place, hash_ in enumerate(_hashes(counts)) if hash_ != _EMPTY}
    items = _items(counts)
    found: list[float] = []
    seen = set()
    usual = _number(counted, counts, None)
    for hash_ in map(_hash_of, product(*(part.hashed for part in parts))):
        place = None if hash_ is None else known.get(hash_)
        seen.add(place)
        found.append(usual if place is None else _number(counted, counts, items[place]))
    if not set(known.values()) <= seen:
        raise categories.unknown([it.asked.column for it in parts if isinstance(it.asked, Among)])
    return Lookup(tuple(part.asked for part in parts), tuple(found))


def _part(element: Element, columns: Columns, categories: Categories) -> _Part:
    match element["combination_element"]:
        case "cat_feature_value":
            column = columns.categories[element["cat_feature_index"]]
            values = categories.values(column)
            return _Part(Among(column, tuple(values.values())), [None, *map(_signed, values)])
        case "cat_feature_exact_value":
            column = columns.categories[element["cat_feature_index"]]
            value = categories.value(column, element["value"] % 2**32)
            return _Part(Among(column, (value,)), [0, 1])
        case "float_feature":
            index = element["float_feature_index"]
            is_above = index in columns.missing_above
            return _Part(Above(columns.numbers[index], element["border"], is_above), [0, 1])
        case kind:
            raise UsageError(f"CatBoost counted by {kind!r}, which cannot be converted")


def _signed(category: int) -> int:
    """Return a hash of 32 bits as CatBoost widens it to 64."""
    return (category - 2**32 if category >= 2**31 else category) % 2**64


def _hash_of(parts: Sequence[int | None]) -> int | None:
    """Return the hash of a combination; ``None`` if a category in it is none that was counted."""
    total = 0
    for part in parts:
        if part is None:
            return None
        total = _FACTOR * (total + _FACTOR * part) % 2**64
    return total


def _hashes(counts: Counts) -> Iterator[int]:
    yield from map(int, counts["hash_map"][:: counts["hash_stride"]])


def _items(counts: Counts) -> NDArray[np.float64]:
    """Return what was counted: ``float64[combinations, stride - 1]``."""
    width = counts["hash_stride"]
    kept = [it for place, it in enumerate(counts["hash_map"]) if place % width]
    return np.array(kept, dtype=np.float64).reshape(-1, width - 1)


def _number(counted: Counted, counts: Counts, items: NDArray[np.float64] | None) -> float:
    """Return what is made of counts, in float32 as CatBoost does; ``None`` if none were made."""
    border = counted["target_border_idx"]
    good, total = 0.0, 0.0
    match counted["ctr_type"]:
        case "Counter" | "FeatureFreq":
            total = float(counts["counter_denominator"])
            good = 0.0 if items is None else float(items[0])
        case "BinarizedTargetMeanValue" | "FloatTargetMeanValue":
            good, total = (0.0, 0.0) if items is None else (float(items[0]), float(items[1]))
        case "Buckets" if items is not None:
            good, total = float(items[border]), float(items.sum())
        case "Borders" if items is not None:
            good, total = float(items[border + 1 :].sum()), float(items.sum())
        case "Buckets" | "Borders":
            pass
        case kind:
            raise UsageError(f"CatBoost's counts of kind {kind!r} cannot be converted")
    one = np.float32
    share = one(one(good) + one(counted["prior_numerator"])) / one(
        one(total) + one(counted["prior_denomerator"])
    )
    return float(one(one(share + one(counted["shift"])) * one(counted["scale"])))
