"""Measures how much worse the converted model gets when its inputs are changed a little.

Devices see what no training set holds: noise, a sensor that reads a tenth too high, values that are
missing, a darker picture. Each such change is made to some of the author's labelled rows, always
the same one, and the model is asked again.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from converters.pictures import PictureShape, blurred, brighter, picture_shapes
from converters.quality import Truth, quality
from converters.runtime import OnnxModel
from converters.table import MISSING_TEXT
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import Manifest
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["Trials", "robustness"]

_SEED: Final = 0
_MAX_ROWS: Final = 1000
_MAX_VALUES: Final = 8_000_000
_MIN_ROWS: Final = 30
_TIMED_ROWS: Final = 32
_NOISES: Final = (0.05, 0.1, 0.25)
_SCALES: Final = (0.9, 1.1)
_MISSING: Final = (0.05, 0.2)
_BRIGHTNESS: Final = 0.2
_METRICS: Final = ("accuracy", "f1", "mae", "rmse")
_ERRORS: Final = frozenset({"mae", "rmse"})

_Array: TypeAlias = NDArray[np.generic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How inputs are changed, and how long that may take.

    Attributes:
        image: Height and width of the pictures in an input whose shape does not say so: rows of
            ``height * width`` values, or as many times 3 or 4. Inputs of four axes of which one
            is the channels are known to be pictures.
        max_s: How long it may take altogether. A slow model is tried on fewer rows, and not at all
            if they were below 30.
    """

    image: tuple[int, int] | None = None
    max_s: float = 3.0


class _Change(NamedTuple):
    name: str
    what: str
    applied: Callable[[str, _Array, np.random.Generator], _Array]


def robustness(
    manifest: Manifest,
    runtime: OnnxModel,
    feeds: Tensors,
    outputs: Tensors,
    *,
    truth: Truth,
    takes_missing: bool,
    trials: Trials,
) -> JsonObject:
    """Return quality under each change; empty without labels or numbers to change.

    Args:
        manifest: Of the model.
        runtime: The converted model.
        feeds: What it takes for the author's rows.
        outputs: What it says of them.
        truth: Their labels.
        takes_missing: Whether the source model accepts missing numbers.
        trials: What to try.

    Returns:
        ``rows``, ``seed``, the metrics of the ``unchanged`` rows, and ``changes``, each with its
        ``name``, ``what`` was done, its metrics and by how much they are ``worse_by``; in place of
        metrics ``fails`` says why the model gives no answer. Or ``not_measured`` with the reason.

    Raises:
        UsageError: No input holds pictures of the size that was given, or it was given without
            labels.
    """
    labels = truth.classes if truth.values is None else truth.values
    if labels is None:
        if trials.image is not None:
            raise UsageError("image is for measuring robustness, which needs labels: give y too")
        return {}
    changes = _changes(feeds, takes_missing=takes_missing, image=trials.image)
    if not changes:
        return {}
    rows = _affordable_rows(runtime, feeds, changes=len(changes), max_s=trials.max_s)
    if rows < min(_MIN_ROWS, len(labels)):
        return {"not_measured": f"the model is too slow or its rows too large: {rows} rows at most"}
    chosen = np.unique(np.linspace(0, len(labels) - 1, rows).astype(np.int64))
    picked = truth.taken(chosen)
    base = _metrics(manifest, _taken(outputs, chosen), picked)
    sample = _taken(feeds, chosen)
    found: list[JsonValue] = []
    for change in changes:
        said: JsonObject
        try:
            said = _metrics(manifest, runtime.run(_changed(sample, change)), picked)
        except PackageError as error:
            said = {"fails": str(error)}
        found.append({"name": change.name, "what": change.what, **_compared(base, said)})
    return {"rows": len(chosen), "seed": _SEED, "unchanged": base, "changes": found}


def _changes(
    feeds: Tensors, *, takes_missing: bool, image: tuple[int, int] | None
) -> Sequence[_Change]:
    """Return what can be done to these inputs.

    Whole numbers are left as they are, because they may be codes; bytes are not, because they are
    pictures or sound.
    """
    pictures = picture_shapes(
        {name: it.shape for name, it in feeds.items() if _is_measured(it)}, image=image
    )
    return [
        *(_of_numbers() if any(map(_is_measured, feeds.values())) else ()),
        *_of_missing(feeds, numbers=takes_missing or any(map(_has_gaps, feeds.values()))),
        *(_of_pictures(pictures) if pictures else ()),
    ]


def _of_numbers() -> Iterator[_Change]:
    for share in _NOISES:
        what = f"noise, {share:.0%} of standard deviation"
        yield _Change(f"noise {share:.0%}", what, partial(_noisy, share))
    for factor in _SCALES:
        yield _Change(f"x{factor}", f"numbers times {factor}", partial(_scaled, factor))


def _of_missing(feeds: Tensors, *, numbers: bool) -> Iterator[_Change]:
    kinds: dict[str, bool] = {
        "numbers": numbers and any(map(_may_be_nan, feeds.values())),
        "texts": any(_is_text(it) and bool((it == MISSING_TEXT).any()) for it in feeds.values()),
    }
    meant = tuple(kind for kind, is_meant in kinds.items() if is_meant)
    if not meant:
        return
    for share in _MISSING:
        what = f"{share:.0%} of {' and '.join(meant)} missing"
        yield _Change(f"missing {share:.0%}", what, partial(_with_gaps, share, meant))


def _of_pictures(shapes: Mapping[str, PictureShape]) -> Iterator[_Change]:
    def changed(
        change: Callable[[_Array, PictureShape], _Array],
        name: str,
        values: _Array,
        _rng: np.random.Generator,
    ) -> _Array:
        return change(values, shapes[name]) if name in shapes else values

    for word, share in (("brighter", _BRIGHTNESS), ("darker", -_BRIGHTNESS)):
        what = f"pictures {_BRIGHTNESS:.0%} {word}"
        yield _Change(f"{word} {_BRIGHTNESS:.0%}", what, partial(changed, partial(brighter, share)))
    what = "pictures blurred, 3 x 3 pixels"
    yield _Change("blurred", what, partial(changed, blurred))


def _changed(feeds: Tensors, change: _Change) -> Tensors:
    rng = np.random.default_rng(_SEED)
    return {name: change.applied(name, values, rng) for name, values in feeds.items()}


def _noisy(share: float, _name: str, values: _Array, rng: np.random.Generator) -> _Array:
    if not _is_measured(values):
        return values
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    counts = np.maximum(finite.sum(axis=0), 1)
    means = np.where(finite, numbers, 0.0).sum(axis=0) / counts
    squares = np.where(finite, numbers - means, 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=0) / counts)
    return _in_type_of(values, numbers + share * spread * rng.standard_normal(numbers.shape))


def _scaled(factor: float, _name: str, values: _Array, _rng: np.random.Generator) -> _Array:
    if not _is_measured(values):
        return values
    return _in_type_of(values, values.astype(np.float64) * factor)


def _with_gaps(
    share: float, kinds: tuple[str, ...], _name: str, values: _Array, rng: np.random.Generator
) -> _Array:
    gaps = rng.random(values.shape) < share
    changed = values.copy()
    if "numbers" in kinds and _may_be_nan(values):
        changed[gaps] = np.nan
    elif "texts" in kinds and _is_text(values):
        changed[gaps] = MISSING_TEXT
    return changed


def _in_type_of(values: _Array, numbers: NDArray[np.float64]) -> _Array:
    if values.dtype == np.uint8:
        return np.clip(np.rint(numbers), 0, 255).astype(np.uint8)
    with np.errstate(over="ignore"):  # too large a number becomes an infinity, as on a device
        return numbers.astype(values.dtype)


def _metrics(manifest: Manifest, outputs: Tensors, truth: Truth) -> JsonObject:
    found = quality(manifest, outputs, truth, ranked=False)
    return {name: found[name] for name in _METRICS if name in found}


def _compared(base: JsonObject, found: JsonObject) -> JsonObject:
    """Return metrics with what was lost of each: of errors what they grew by; below 0 for a gain.

    A metric that is not defined any more means answers that are no numbers.
    """
    if "fails" in found:
        return found
    lost: dict[str, JsonValue] = {}
    for name, before in base.items():
        after = found.get(name)
        if not isinstance(before, float) or not isinstance(after, float):
            return {"fails": f"the model's answers are not finite, so {name} is not defined"}
        lost[name] = after - before if name in _ERRORS else before - after
    return {**found, "worse_by": lost}


def _affordable_rows(runtime: OnnxModel, feeds: Tensors, *, changes: int, max_s: float) -> int:
    """Return how many rows the bounds on rows, memory and time allow."""
    few = {name: values[:_TIMED_ROWS] for name, values in feeds.items()}
    started_s = time.perf_counter()
    runtime.run(few)
    row_s = (time.perf_counter() - started_s) / min(map(len, few.values()))
    values = max(it.size // len(it) for it in feeds.values())
    in_time = int(max_s / max(row_s * changes, 1e-9))
    return min(_MAX_ROWS, _MAX_VALUES // max(values, 1), in_time, *map(len, feeds.values()))


def _taken(tensors: Tensors, chosen: NDArray[np.int64]) -> Tensors:
    return {name: values[chosen] for name, values in tensors.items()}


def _is_measured(values: _Array) -> bool:
    return _may_be_nan(values) or values.dtype == np.uint8


def _may_be_nan(values: _Array) -> bool:
    return values.dtype.kind == "f"


def _is_text(values: _Array) -> bool:
    return values.dtype.kind in "OU"


def _has_gaps(values: _Array) -> bool:
    return _may_be_nan(values) and bool(np.isnan(values.astype(np.float64)).any())
