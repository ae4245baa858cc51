"""The device's counting kernel: profiles of whole blocks of rows, with numpy.

Gives what :func:`edge_contract.package.count_rows` gives, some thousand times faster: the same
counts, and sums that differ in their last bits only.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_agent.adapters.numpy_classes import count_class_probabilities, fine_bins
from edge_agent.adapters.numpy_joint import count_joint, count_vectors
from edge_agent.adapters.numpy_sketches import Block, SketchColumns, block_moments
from edge_agent.adapters.plugin_counting import count_by_plugin
from edge_contract.errors import UsageError
from edge_contract.package import Layout
from edge_contract.stats import (
    BINS,
    Agreement,
    AgreementSpec,
    CalibrationBin,
    Categories,
    CategoriesSpec,
    ClassProbabilitiesSpec,
    JointSpec,
    Labels,
    LabelsSpec,
    MomentsSpec,
    Probabilities,
    ProbabilitiesSpec,
    Profile,
    ProfileSpec,
    SketchSpec,
    Spec,
    Statistic,
    VectorsSpec,
)
from edge_contract.stats.categories import KEPT_HASHES
from edge_contract.stats.labels import CALIBRATION_BINS
from edge_contract.stats.text_hash import HASH_BITS

__all__ = ["BlockCounter", "count_block"]

_Numbers: TypeAlias = NDArray[np.float64]
_Mask: TypeAlias = NDArray[np.bool_]

_HASHES: Final = 1 << HASH_BITS
_NUMBERS_AT_ONCE: Final = 65_536


def count_block(spec: ProfileSpec, layout: Layout, rows: NDArray[np.float32]) -> Profile:
    """Return the profile of ``rows``; :class:`BlockCounter` is quicker for many blocks."""
    return BlockCounter(spec, layout).count(rows)


class _Column(NamedTuple):
    """A profile column: its number, where in a row it is, and whether NaN is no observation."""

    number: int
    positions: tuple[int, ...]
    skips_nan: bool


class _SketchPart(NamedTuple):
    """Some columns with sketches, and what counts them together."""

    columns: Sequence[_Column]
    sketch_columns: SketchColumns


class BlockCounter:
    """Counts blocks of rows of one layout.

    Args:
        spec: What is counted.
        layout: Where each column finds its numbers in a row.
        on_failure: Is told why a plugin's statistic could not count a block, which is left out;
            without it that is an error.
    """

    __slots__ = (
        "_moments",
        "_on_failure",
        "_others",
        "_sketch_parts_of",
        "_sketches",
        "_spec",
        "_width",
    )

    def __init__(
        self,
        spec: ProfileSpec,
        layout: Layout,
        *,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self._spec = spec
        self._on_failure = on_failure
        self._width = layout.width
        self._sketches: list[_Column] = []
        self._moments: list[_Column] = []
        self._others: list[_Column] = []
        self._sketch_parts_of: dict[int, list[_SketchPart]] = {}
        for index, (column, source) in enumerate(zip(spec.columns, layout.sources, strict=True)):
            item = _Column(index, source.positions, source.skips_nan)
            match column.spec:
                case SketchSpec():
                    self._sketches.append(item)
                case MomentsSpec():
                    self._moments.append(item)
                case _:
                    self._others.append(item)

    def count(self, rows: NDArray[np.float32]) -> Profile:
        """Return the profile of a block.

        Args:
            rows: ``float32[rows, width]``; not changed and not kept.

        Raises:
            UsageError: The type or the width is another one.
        """
        if rows.ndim != 2 or rows.shape[1] != self._width or rows.dtype != np.float32:
            raise UsageError(
                f"block of rows is {rows.dtype}{list(rows.shape)}, "
                f"expected float32[rows, {self._width}]"
            )
        return self.count_columns(np.ascontiguousarray(rows.T))

    def count_columns(self, block: Block) -> Profile:
        """Return the profile of ``float32[width, rows]``, contiguous; what :meth:`count` does."""
        if not block.shape[1]:
            return self._spec.empty()
        with np.errstate(all="ignore"):  # infinities and subnormals are counted like all others
            return Profile(self._spec, self._counted(block))

    def _counted(self, block: Block) -> dict[int, Statistic]:
        counted = dict(
            chain(
                self._counted_sketches(block),
                self._counted_moments(block),
                self._counted_others(block),
            )
        )
        return {number: counted[number] for number in sorted(counted)}

    def _counted_sketches(self, block: Block) -> "Iterator[tuple[int, Statistic]]":
        for columns, sketch_columns in self._sketch_parts(_columns_at_once(block)):
            sketches = sketch_columns.count(_taken(block, columns))
            for column, sketch in zip(columns, sketches, strict=True):
                if column.skips_nan:
                    sketch.missing = 0
                if not column.skips_nan or sketch.count:
                    yield column.number, sketch

    def _sketch_parts(self, columns: int) -> "list[_SketchPart]":
        """Return the sketches, so many columns in each part."""
        parts = self._sketch_parts_of.get(columns)
        if parts is None:
            parts = self._sketch_parts_of[columns] = []
            for part in _parts(self._sketches, columns):
                specs = [self._spec.columns[column.number].spec for column in part]
                sketch_specs = [spec for spec in specs if isinstance(spec, SketchSpec)]
                parts.append(_SketchPart(part, SketchColumns(sketch_specs)))
        return parts

    def _counted_moments(self, block: Block) -> "Iterator[tuple[int, Statistic]]":
        for columns in _parts(self._moments, _columns_at_once(block)):
            taken = _taken(block, columns)
            for column, values, moments in zip(columns, taken, block_moments(taken), strict=True):
                if column.skips_nan:
                    moments.nonfinite -= int(np.count_nonzero(np.isnan(values)))
                if moments.count:
                    yield column.number, moments

    def _counted_others(self, block: Block) -> "Iterator[tuple[int, Statistic]]":
        for column in self._others:
            values = block[list(column.positions)]
            if column.skips_nan:
                values = values[:, ~np.isnan(values[0])]
            if values.shape[1]:
                spec = self._spec.columns[column.number].spec
                counted = _count_column(spec, values)
                if counted is None:
                    counted = count_by_plugin(spec, values, self._on_failure)
                if counted is not None:
                    yield column.number, counted


def _columns_at_once(block: Block) -> int:
    """Return how many columns, a power of two, are counted together to stay in the cache."""
    at_once: int = max(_NUMBERS_AT_ONCE // block.shape[1], 1)
    return 1 << (at_once.bit_length() - 1)


def _parts(columns: Sequence[_Column], size: int) -> Iterator[Sequence[_Column]]:
    for first in range(0, len(columns), size):
        yield columns[first : first + size]


def _taken(block: Block, columns: Sequence[_Column]) -> Block:
    """Return the numbers of columns of one number each; a view if they stand side by side."""
    positions = [column.positions[0] for column in columns]
    first = positions[0]
    if positions == list(range(first, first + len(positions))):
        return block[first : first + len(positions)]
    return block[positions]


def _count_column(spec: Spec, block: Block) -> Statistic | None:
    """Count one column; ``None`` for kinds that are not known here."""
    match spec:
        case CategoriesSpec():
            return _categories(spec, block[0])
        case ProbabilitiesSpec():
            return _probabilities(spec, block.astype(np.float64))
        case LabelsSpec():
            return _labels(spec, block.astype(np.float64))
        case AgreementSpec():
            return _agreement(spec, block.astype(np.float64))
        case ClassProbabilitiesSpec():
            return count_class_probabilities(spec, block.astype(np.float64))
        case JointSpec():
            return count_joint(spec, block)
        case VectorsSpec():
            return count_vectors(spec, block)
        case _:
            return None


def _categories(spec: CategoriesSpec, codes: NDArray[np.float32]) -> Categories:
    is_missing = np.isnan(codes)
    is_known = _is_class(codes, spec.size)
    others = codes[~(is_missing | is_known)]
    carries_hash = (others < 0) & (others >= -_HASHES) & (others == np.floor(others))
    carried = -1 - others[carries_hash].astype(np.int64)
    scrambled = others[~carries_hash].view(np.uint32) * np.uint32(0x9E3779B1)
    hashed = (scrambled >> np.uint32(32 - HASH_BITS)).astype(np.int64)
    return Categories(
        spec,
        missing=int(np.count_nonzero(is_missing)),
        other=len(others),
        counts=_tally(codes[is_known].astype(np.int64)),
        hashes=tuple(np.unique(np.concatenate((carried, hashed)))[:KEPT_HASHES].tolist()),
    )


def _probabilities(spec: ProbabilitiesSpec, block: _Numbers) -> Probabilities:
    predicted, probability = block
    is_valid = _is_class(predicted, len(spec.lows)) & _is_probability(probability)
    classes = predicted[is_valid].astype(np.int64)
    values = probability[is_valid]
    lows = np.array(spec.lows)[classes]
    bins = BINS - 1 - fine_bins(np.clip((1.0 - values) / (1.0 - lows), 0.0, 1.0))
    counts: dict[int, dict[int, int]] = {}
    for key, count in _tally(classes * BINS + bins).items():
        counts.setdefault(key // BINS, {})[key % BINS] = count
    sums = np.bincount(classes, weights=np.minimum(values, 1.0))
    return Probabilities(
        spec,
        invalid=int(np.count_nonzero(~is_valid)),
        counts=counts,
        sums={predicted_class: float(sums[predicted_class]) for predicted_class in counts},
    )


def _labels(spec: LabelsSpec, block: _Numbers) -> Labels:
    is_known = _is_class(block[0], spec.classes) & _is_class(block[1], spec.classes)
    predicted, truth, probability = block[:, is_known]
    is_binned = _is_probability(probability)
    values = probability[is_binned]
    bins = np.minimum((values * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    sums = np.bincount(bins, weights=np.minimum(values, 1.0))
    correct = np.bincount(bins, weights=(predicted == truth)[is_binned])
    return Labels(
        spec,
        unknown=int(np.count_nonzero(~is_known)),
        confusion=_tally((predicted * spec.classes + truth).astype(np.int64)),
        calibration={
            key: CalibrationBin(count, float(sums[key]), int(correct[key]))
            for key, count in _tally(bins).items()
        },
    )


def _agreement(spec: AgreementSpec, block: _Numbers) -> Agreement:
    agreement = Agreement(spec)
    if spec.classes:
        is_known = _is_class(block[0], spec.classes) & _is_class(block[2], spec.classes)
        agreement.unknown = int(np.count_nonzero(~is_known))
        block = block[:, is_known]
        agreement.pairs = _tally((block[0] * spec.classes + block[2]).astype(np.int64))
    if block.shape[1]:
        agreement.gap = block_moments(block[3:] - block[1:2])[0]
    return agreement


def _is_class(numbers: "NDArray[np.floating]", classes: int) -> _Mask:
    is_whole: _Mask = numbers == np.floor(numbers)
    return is_whole & (numbers >= 0) & (numbers < classes)


def _is_probability(numbers: _Numbers) -> _Mask:
    return (numbers >= 0) & (numbers <= 1.0001)


def _tally(keys: NDArray[np.int64]) -> dict[int, int]:
    found, counts = np.unique(keys, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))
