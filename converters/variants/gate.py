"""Judges a variant: how much worse it is than the exact model, alone and in bad company."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from converters.observed import predicted
from converters.quality import Truth, quality
from converters.runtime import OnnxModel
from converters.variants.rows import row_count, taken
from edge_contract.package import Manifest, Task
from edge_contract.reading import JsonObject

__all__ = ["Judge", "Verdict"]

_COMPANY_BLOCK: Final = 31
_COMPANY_ROWS: Final = 10 * _COMPANY_BLOCK
_HOSTILE: Final = (1e6, -1e6, float("inf"), float("nan"))
_GAP_ROWS: Final = 500
_GAPS: Final = 0.2
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is found of a variant.

    Attributes:
        metrics: By name: of the ``exact`` model and the ``variant``, and the ``loss``.
        other_answers: Fraction of rows whose class is another than the exact model's; ``None``
            where there are no classes.
        shift: Largest distance between the distributions of classes, or of scores, that the two
            give: what a device with this variant differs by from the reference.
        why_not: Why it may not be kept; empty if it may.
    """

    metrics: Mapping[str, Mapping[str, float]]
    other_answers: float | None
    shift: float
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Compares variants with the exact model on rows that they were not calibrated on.

    Attributes:
        manifest: Of the model.
        exact: The exact model.
        feeds: The rows.
        outputs: What the exact model says of them.
        truth: Their labels; without them the exact model's answers count as right.
        takes_missing: Whether the source model accepts missing numbers.
        max_loss: How much worse a variant may be. Of a classifier: in accuracy and in F1. Of a
            regression: in its errors, as a fraction of them. Of other outputs, and of a regression
            without labels: the root mean squared difference, as a fraction of their spread.
    """

    manifest: Manifest
    exact: OnnxModel
    feeds: Tensors
    outputs: Tensors
    truth: Truth
    takes_missing: bool
    max_loss: float

    @property
    def against(self) -> str:
        """What the rows are judged by."""
        is_known = self.truth.classes is not None or self.truth.values is not None
        return "labels" if is_known else "the exact model"

    def verdict(self, variant: OnnxModel) -> Verdict:
        """Return what is found; raises ``PackageError`` if the variant fails on the rows."""
        said = variant.run(self.feeds)
        metrics = _metrics(self.manifest, self.outputs, said, self.truth)
        other_answers, shift = _differences(self.manifest, self.outputs, said)
        reasons = self._reasons(metrics, variant, said)
        return Verdict(metrics, other_answers, shift, next(reasons, ""))

    def _reasons(
        self, metrics: Mapping[str, Mapping[str, float]], variant: OnnxModel, said: Tensors
    ) -> Iterator[str]:
        """Yield why the variant may not be kept."""
        if lost := _rows_lost(self.outputs, said):
            yield f"{lost} rows that the exact model answers get no finite answer"
        if reason := self._too_much(metrics):
            yield reason
        yield from self._in_company(variant, said)
        yield from self._with_gaps(variant)

    def _in_company(self, variant: OnnxModel, said: Tensors) -> Iterator[str]:
        """Yield which row makes the others of its call worse.

        Devices join the rows of several callers in one call: nobody's row may change the answers
        that others get.
        """
        rows = np.arange(min(_COMPANY_ROWS, row_count(self.feeds)))
        feeds, truth = taken(self.feeds, rows), self.truth.taken(rows)
        if not any(values.dtype.kind == "f" for values in feeds.values()):
            return
        alone = taken(said, rows)
        for value in _HOSTILE:
            crowd = {name: _with_company(values, value) for name, values in feeds.items()}
            together = _without_company(variant.run(crowd, block_rows=_COMPANY_BLOCK + 1))
            if reason := self._too_much(_metrics(self.manifest, alone, together, truth)):
                yield f"with a row of {value:g} in the same call, {reason}"

    def _with_gaps(self, variant: OnnxModel) -> Iterator[str]:
        """Yield how rows of which numbers are missing are answered otherwise, or at all."""
        if not any(values.dtype.kind == "f" for values in self.feeds.values()):
            return
        rng = np.random.default_rng(_SEED)
        feeds = dict(taken(self.feeds, np.arange(min(_GAP_ROWS, row_count(self.feeds)))))
        for name, values in feeds.items():
            if values.dtype.kind == "f":
                feeds[name] = values.copy()
                feeds[name][rng.random(values.shape) < _GAPS] = np.nan
        exact, said = self.exact.run(feeds), variant.run(feeds)
        if made_up := _rows_lost(said, exact):
            yield f"{made_up} rows with missing numbers get an answer that the exact model has not"
        if not self.takes_missing:
            return
        if reason := self._too_much(_metrics(self.manifest, exact, said, Truth())):
            yield f"where a fifth of the numbers are missing, {reason}"

    def _too_much(self, metrics: Mapping[str, Mapping[str, float]]) -> str:
        """Return the loss that is not allowed, in words; empty if all are."""
        worst = max(metrics, key=lambda name: metrics[name]["loss"], default="")
        if not worst or metrics[worst]["loss"] <= self.max_loss:
            return ""
        found = metrics[worst]
        return (
            f"{worst} is {found['variant']:.4g} in place of {found['exact']:.4g}: a loss of "
            f"{found['loss']:.3g}, more than the {self.max_loss:g} allowed"
        )


def _metrics(
    manifest: Manifest, exact: Tensors, said: Tensors, truth: Truth
) -> dict[str, dict[str, float]]:
    """Return the metrics of both, and what was lost; of no answers all is lost."""
    total = row_count(exact)
    if manifest.task is Task.OTHER:
        return {name: _far(exact[name], said[name]) for name in exact}
    classes, values = predicted(manifest, exact, total)
    if manifest.task is Task.REGRESSION:
        if truth.values is None or not np.isfinite(values).all():
            return {"difference": _far(values, predicted(manifest, said, total)[1])}
        names, sign = ("rmse", "mae"), -1.0
    else:
        names, sign = ("accuracy", "f1"), 1.0
        if truth.classes is None:
            truth = Truth(classes=np.nan_to_num(classes, nan=-1.0).astype(np.int64))
    before = quality(manifest, exact, truth, ranked=False)
    after = quality(manifest, said, truth, ranked=False)
    return {name: _lost(before, after, name, sign) for name in names}


def _lost(before: JsonObject, after: JsonObject, name: str, sign: float) -> dict[str, float]:
    """Return both values of a metric and the loss: a difference, of errors the relative one."""
    exact, variant = before.get(name), after.get(name)
    if not isinstance(exact, float) or not isinstance(variant, float):
        return {"exact": 0.0, "variant": 0.0, "loss": 0.0 if variant == exact else 1.0}
    loss = sign * (exact - variant)
    scale = 1.0 if sign > 0 else max(exact, float(np.finfo(np.float32).tiny))
    return {"exact": exact, "variant": variant, "loss": loss / scale}


def _far(exact: NDArray[np.generic], said: NDArray[np.generic]) -> dict[str, float]:
    """Return the root mean squared difference as a fraction of the spread; of codes, how many."""
    if exact.dtype.kind != "f":
        share = float((exact != said).mean())
        return {"exact": 0.0, "variant": share, "loss": share}
    wide, other = exact.astype(np.float64), said.astype(np.float64)
    known = np.isfinite(wide)
    if not known.any():
        return {"exact": 0.0, "variant": 0.0, "loss": 0.0}
    spread = max(float(wide[known].std()), float(np.finfo(np.float32).tiny))
    far = float(np.sqrt(((wide - other)[known] ** 2).mean())) / spread
    found = far if np.isfinite(far) else 1.0
    return {"exact": 0.0, "variant": found, "loss": found}


def _differences(manifest: Manifest, exact: Tensors, said: Tensors) -> tuple[float | None, float]:
    """Return the fraction of other classes, and how far the distributions of answers are apart."""
    total = row_count(exact)
    classes, scores = predicted(manifest, exact, total)
    other_classes, other_scores = predicted(manifest, said, total)
    shift = _largest_gap(scores, other_scores)
    if np.isnan(classes).all():
        return None, shift
    names = np.union1d(classes, other_classes)
    moved = sum(abs(float((classes == k).mean() - (other_classes == k).mean())) for k in names) / 2
    return float((classes != other_classes).mean()), max(moved, shift)


def _largest_gap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples; 0 if one is empty."""
    first, second = (np.sort(it[np.isfinite(it)]) for it in (first, second))
    if not len(first) or not len(second):
        return 0.0
    points = np.concatenate([first, second])
    below = [np.searchsorted(it, points, side="right") / len(it) for it in (first, second)]
    return float(np.abs(below[0] - below[1]).max())


def _rows_lost(before: Tensors, after: Tensors) -> int:
    """Return how many rows lost a number that was finite."""
    lost = np.zeros(row_count(before), bool)
    for name, values in before.items():
        if values.dtype.kind == "f":
            is_lost = np.isfinite(values) & ~np.isfinite(after[name])
            lost |= is_lost.reshape(len(values), -1).any(axis=1)
    return int(lost.sum())


def _with_company(values: NDArray[np.generic], value: float) -> NDArray[np.generic]:
    """Return the rows with one of ``value`` after each block; one of its own kind for no floats."""
    blocks = []
    for start in range(0, len(values), _COMPANY_BLOCK):
        block = values[start : start + _COMPANY_BLOCK]
        guest = block[:1].copy()
        if guest.dtype.kind == "f":
            with np.errstate(over="ignore"):
                guest[...] = np.asarray(value).astype(guest.dtype)
        blocks += [block, guest]
    return np.concatenate(blocks)


def _without_company(tensors: Tensors) -> Tensors:
    total = row_count(tensors)
    places = np.arange(total)
    kept = (places % (_COMPANY_BLOCK + 1) != _COMPANY_BLOCK) & (places != total - 1)
    return {name: values[kept] for name, values in tensors.items()}
