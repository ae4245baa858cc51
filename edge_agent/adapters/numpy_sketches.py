"""Sketches and moments of whole blocks: all columns at once, without a loop over rows.

Gives the counts of :mod:`edge_contract.stats.sketch` bit for bit: the same single-precision
operations in the same order. Sums differ in their last bits only.
"""

import sys
import time
from collections.abc import Sequence
from functools import cache
from itertools import islice, pairwise
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_contract.stats import CENTRED, FLOAT_BITS, Moments, Sketch, SketchSpec
from edge_contract.stats.float32 import MAX_FLOAT32, rounded
from edge_contract.stats.sketch import CENTRED_BASE, CENTRED_BUCKETS, SHIFT

__all__ = ["Block", "SketchColumns", "block_moments"]

Block: TypeAlias = NDArray[np.float32]
"""float32[columns, rows], contiguous: one column's numbers lie side by side."""

_Codes: TypeAlias = NDArray[np.int16]
_Counts: TypeAlias = NDArray[np.int64]
_SortKind: TypeAlias = Literal["quicksort", "stable"]

_UPPER_HALF: Final = 1 if sys.byteorder == "little" else 0
_APART: Final = 0x7FFF
"""Code of what a sketch counts apart, above every real code."""


class SketchColumns:
    """Counts several sketches at once.

    Args:
        specs: Their mappings, in the order of the block's columns.
    """

    __slots__ = ("_center", "_centred", "_factor", "_float_bits", "_specs")

    def __init__(self, specs: Sequence[SketchSpec]) -> None:
        self._specs = tuple(specs)
        self._float_bits = _picked([spec.mapping == FLOAT_BITS for spec in specs])
        self._centred = _picked([spec.mapping == CENTRED for spec in specs])
        centred = [spec for spec in specs if spec.mapping == CENTRED]
        factors = [rounded(1.0 / spec.scale) for spec in centred]
        self._center = np.array([spec.center for spec in centred], np.float32)[:, None]
        self._factor = np.array(factors, np.float32)[:, None]

    def count(self, block: Block) -> list[Sketch]:
        """Return one sketch per column of ``block``, which has at least one row."""
        codes = np.empty(block.shape, np.int16)
        if self._float_bits is not None:
            halves = block.view(np.int16)[:, _UPPER_HALF::2]
            codes[self._float_bits] = _float_bits_codes(halves[self._float_bits])
        if self._centred is not None:
            codes[self._centred] = _centred_codes(
                block[self._centred], center=self._center, factor=self._factor
            )
        # Zeros, NaNs and infinities: shifting the sign out and subtracting moves them to the top.
        doubled = block.view(np.uint32) << np.uint32(1)
        np.putmask(codes, doubled - np.uint32(2) >= np.uint32(0xFEFFFFFE), _APART)
        return self._sketches(block, _run_lengths(codes))

    def _sketches(self, block: Block, counted: list[dict[int, int]]) -> list[Sketch]:
        sketches: list[Sketch] = []
        for spec, values, counts in zip(self._specs, block, counted, strict=True):
            apart = counts.pop(_APART, 0)
            sketch = Sketch(spec, zero=apart, counts=counts)
            if apart and not np.isfinite(values).all():
                sketch.missing = int(np.count_nonzero(np.isnan(values)))
                sketch.positive_infinity = int(np.count_nonzero(values == np.inf))
                sketch.negative_infinity = int(np.count_nonzero(values == -np.inf))
                odd = sketch.missing + sketch.positive_infinity + sketch.negative_infinity
                sketch.zero = apart - odd
            sketches.append(sketch)
        return sketches


def block_moments(block: Block | NDArray[np.float64]) -> list[Moments]:
    """Return the moments of each column of ``block``, which has at least one row."""
    low, high = block.min(axis=1), block.max(axis=1)
    found = _moments_of_numbers(block, low, high)
    is_finite = (low >= -MAX_FLOAT32) & (high <= MAX_FLOAT32)  # NaN is in neither
    if not is_finite.all():
        odd = np.flatnonzero(~is_finite)
        for place, moments in zip(odd.tolist(), _moments_of_finite(block[odd]), strict=True):
            found[place] = moments
    return found


def _moments_of_numbers(
    block: Block | NDArray[np.float64], low: NDArray[np.floating], high: NDArray[np.floating]
) -> list[Moments]:
    rows = block.shape[1]
    wide = block.astype(np.float64)
    mean = wide.sum(axis=1) / rows
    wide -= mean[:, None]
    return _moments(
        np.full(len(block), rows),
        rows=rows,
        mean=mean,
        m2=np.einsum("ij,ij->i", wide, wide),
        low=low,
        high=high,
    )


def _moments_of_finite(block: Block | NDArray[np.float64]) -> list[Moments]:
    is_finite = np.abs(block) <= MAX_FLOAT32
    finite = np.count_nonzero(is_finite, axis=1)
    wide = np.where(is_finite, block, 0.0).astype(np.float64)
    mean = wide.sum(axis=1) / np.maximum(finite, 1)
    wide = np.where(is_finite, wide - mean[:, None], 0.0)
    return _moments(
        finite,
        rows=block.shape[1],
        mean=mean,
        m2=np.einsum("ij,ij->i", wide, wide),
        low=np.where(finite, np.where(is_finite, block, np.inf).min(axis=1), 0.0),
        high=np.where(finite, np.where(is_finite, block, -np.inf).max(axis=1), 0.0),
    )


def _moments(
    finite: _Counts,
    *,
    rows: int,
    mean: NDArray[np.float64],
    m2: NDArray[np.float64],
    low: NDArray[np.floating],
    high: NDArray[np.floating],
) -> list[Moments]:
    columns = (finite, rows - finite, mean, m2, low.astype(np.float32), high.astype(np.float32))
    return [Moments(*values) for values in zip(*(c.tolist() for c in columns), strict=True)]


def _float_bits_codes(halves: _Codes) -> _Codes:
    """Return codes from the upper 16 bits, which say more than a bucket is wide."""
    sign = halves >> np.int16(15)  # -1 below zero
    codes = halves & np.int16(0x7FFF)
    codes >>= np.int16(SHIFT - 16)
    codes += np.int16(1)
    codes ^= sign
    codes -= sign
    return codes


def _centred_codes(
    block: Block, *, center: NDArray[np.float32], factor: NDArray[np.float32]
) -> _Codes:
    offset = block - center
    offset *= factor
    sign = offset.view(np.int32) >> 31
    np.abs(offset, out=offset)
    offset += np.float32(1.0)
    bucket = offset.view(np.int32) >> SHIFT
    bucket -= CENTRED_BASE
    np.minimum(bucket, CENTRED_BUCKETS - 1, out=bucket)
    return (bucket ^ sign).astype(np.int16)


def _run_lengths(codes: _Codes) -> list[dict[int, int]]:
    """Return the counts of each column by code, codes rising.

    Sorts, because sorting 16-bit numbers is quick and tables of all codes would be mostly empty.
    """
    rows = codes.shape[1]
    codes.sort(axis=1, kind=_quicker_sort())
    is_first = np.ones(codes.shape, np.bool_)
    np.not_equal(codes[:, 1:], codes[:, :-1], out=is_first[:, 1:])
    starts = np.flatnonzero(is_first)
    keys = codes.ravel()[starts].tolist()
    counts = np.diff(starts, append=codes.size).tolist()
    bounds = np.searchsorted(starts, np.arange(0, codes.size + 1, rows)).tolist()
    pairs = zip(keys, counts, strict=True)
    return [dict(islice(pairs, last - first)) for first, last in pairwise(bounds)]


@cache
def _quicker_sort() -> _SortKind:
    """Return how 16-bit numbers are sorted the quickest here; the result is the same.

    Where the processor has the vector instructions for it, numpy's default takes a quarter of the
    time of its radix sort (``stable``), and ten times as long where it has not.
    """
    numbers = (np.arange(4096, dtype=np.uint32) * np.uint32(2654435769) >> np.uint32(20)).astype(
        np.int16
    )
    kinds: tuple[_SortKind, ...] = ("quicksort", "stable")
    return min(kinds, key=lambda kind: min(_sorting_s(numbers, kind) for _ in range(3)))


def _sorting_s(numbers: NDArray[np.int16], kind: _SortKind) -> float:
    began_s = time.perf_counter()
    np.sort(numbers, kind=kind)
    return time.perf_counter() - began_s


def _picked(wanted: list[bool]) -> "slice | NDArray[np.intp] | None":
    """Return an index of the wanted columns; a slice, which copies nothing, if they are all."""
    if all(wanted):
        return slice(None)
    return np.flatnonzero(wanted) if any(wanted) else None
