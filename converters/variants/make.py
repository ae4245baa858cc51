"""Makes variants of a converted model, judges them, and keeps what passes."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from converters.base import ConversionWarning, Tensors
from converters.quality import Truth
from converters.runtime import OnnxModel
from converters.variants.gate import Judge, Verdict
from converters.variants.golden import golden_of_variant
from converters.variants.graph import Recipe, plan_for
from converters.variants.latency import latencies
from converters.variants.missing import with_gaps_kept
from converters.variants.prepare import prepared
from converters.variants.quantize import quantized
from converters.variants.rows import answered, row_count, spread, taken
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import GoldenVariant, Manifest
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["INT8", "Exact", "VariantRules", "Variants", "make_variants"]

INT8: Final = "int8"
_AUTO_BYTES: Final = 200_000
_MAX_CALIBRATION_ROWS: Final = 512
_MIN_ROWS: Final = 100
_MAX_ROWS: Final = 5000
_TIMED_ROWS: Final = 32
_QUICKER: Final = 0.9
_SMALLER: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantRules:
    """Which variants to make, and how much worse than the exact model they may be.

    Attributes:
        auto: Whether to try only where much is to be gained: with 200 kB of weights or more.
        max_accuracy_loss: See :class:`converters.variants.gate.Judge`.
        max_s: About how long the rows for judging, or those to calibrate on, may take the exact
            model; of a slow one there are fewer, but 100 at least.

    Raises:
        UsageError: The loss is no number from 0 to 1.
    """

    auto: bool = False
    max_accuracy_loss: float = 0.01
    max_s: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.max_accuracy_loss <= 1:
            raise UsageError(
                f"max_accuracy_loss must be a fraction from 0 to 1, got {self.max_accuracy_loss}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """The converted model, and what is known of it.

    Attributes:
        manifest: Without what the rows tell.
        data: The serialized ``ModelProto``.
        model: The same, loaded.
        feeds: What it takes for the author's rows.
        outputs: What it says of them.
        golden: The places of the golden rows.
        truth: Their labels.
        takes_missing: Whether the source model accepts missing numbers.
    """

    manifest: Manifest
    data: bytes
    model: OnnxModel
    feeds: Tensors
    outputs: Tensors
    golden: NDArray[np.int64]
    truth: Truth
    takes_missing: bool


@dataclass(frozen=True, slots=True)
class Variants:
    """What came of it.

    Attributes:
        models: Those that are kept, serialized, by name.
        golden: What each of them gives for the golden rows.
        evidence: For the manifest: everything that was tried.
    """

    models: Mapping[str, bytes] = field(default_factory=dict)
    golden: Mapping[str, GoldenVariant] = field(default_factory=dict)
    evidence: JsonObject = field(default_factory=dict)


class _Rows(NamedTuple):
    """Places of the rows to calibrate on, and of others to judge by."""

    calibration: NDArray[np.int64]
    judging: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """One way of making a variant, and what came of it.

    Attributes:
        recipe: The way.
        why_not: Why it is not kept; empty if it is.
        data: The serialized variant; empty if it could not be made.
        verdict: ``None`` if it could not be judged.
        latencies: None if it could not be run.
        golden: Of a variant that is kept.
    """

    recipe: Recipe
    why_not: str = ""
    data: bytes = b""
    verdict: Verdict | None = None
    latencies: Sequence[JsonObject] = ()
    golden: GoldenVariant | None = None

    def to_json(self) -> JsonObject:
        """Return the fields for the manifest; what was not found out is left out."""
        fields: dict[str, JsonValue] = {
            "variant": INT8,
            "method": self.recipe.value,
            "kept": not self.why_not,
            "why_not": self.why_not,
        }
        if self.data:
            fields["size_bytes"] = len(self.data)
        if self.latencies:
            fields["latency"] = list(self.latencies)
        if self.verdict is not None:
            fields["metrics"] = self.verdict.metrics
            fields["prediction_shift"] = self.verdict.shift
            if self.verdict.other_answers is not None:
                fields["other_answers"] = self.verdict.other_answers
        return fields


def make_variants(exact: Exact, rules: VariantRules) -> Variants:
    """Return the variants that pass; the first way of making one that does is taken.

    Warns with the reason if none passes, unless the rules are to try only where it is worth it.
    """
    model = prepared(exact.data)
    plan = plan_for(model)
    rows = _rows(exact, max_s=rules.max_s)
    why_not = plan.why_not
    if not why_not and rules.auto and plan.weight_bytes < _AUTO_BYTES:
        why_not = f"its weights have only {plan.weight_bytes:,} bytes"
    if not why_not and len(rows.judging) < _MIN_ROWS:
        why_not = (
            f"{len(rows.judging)} rows are left to judge it by, {_MIN_ROWS} are needed: give more"
        )
    if why_not:
        _tell(why_not, rules)
        return Variants(evidence={"not_tried": why_not})
    judge = _judge(exact, rows.judging, max_loss=rules.max_accuracy_loss)
    trials: list[_Trial] = []
    for recipe in plan.recipes:
        trials.append(_trial(exact, judge, model, recipe, rows.calibration))
        if not trials[-1].why_not:
            break
    else:
        _tell("; ".join(f"{it.recipe.value}: {it.why_not}" for it in trials), rules)
    return _variants(exact, judge, rules, rows, trials)


def _variants(
    exact: Exact, judge: Judge, rules: VariantRules, rows: _Rows, trials: Sequence[_Trial]
) -> Variants:
    last = trials[-1]
    return Variants(
        models={} if last.why_not else {INT8: last.data},
        golden={} if last.golden is None else {INT8: last.golden},
        evidence={
            "max_accuracy_loss": rules.max_accuracy_loss,
            "calibrated_on_rows": len(rows.calibration),
            "judged_on_rows": len(rows.judging),
            "judged_by": judge.against,
            "exact_bytes": len(exact.data),
            "tried": [it.to_json() for it in trials],
        },
    )


def _trial(
    exact: Exact,
    judge: Judge,
    model: ModelProto,
    recipe: Recipe,
    calibration: NDArray[np.int64],
) -> _Trial:
    """Make a variant, judge and time it; one that is not kept is told with what is known of it."""
    trial = _Trial(recipe=recipe)
    try:
        data = quantized(model, recipe, taken(exact.feeds, calibration))
        data = with_gaps_kept(data, exact.model, judge.feeds, judge.outputs)
        trial = replace(trial, data=data)
        variant = OnnxModel(data, what=f"the {INT8} variant")
        _require_same_interface(exact.model, variant)
        trial = replace(trial, verdict=judge.verdict(variant))
        trial = replace(trial, latencies=latencies(exact.model, variant, judge.feeds))
        rows = taken(exact.feeds, exact.golden), taken(exact.outputs, exact.golden)
        golden = golden_of_variant(exact.manifest, variant, *rows)
    except (PackageError, UsageError) as error:
        return replace(trial, why_not=str(error))
    why_not = "" if trial.verdict is None else trial.verdict.why_not
    if not why_not and not _gains(exact, trial):
        why_not = "neither smaller than the exact model by a quarter nor quicker by a tenth"
    if not why_not and not golden.rows:
        why_not = "every golden row is so near a decision boundary that rounding may move it over"
    return replace(trial, why_not=why_not, golden=None if why_not else golden)


def _gains(exact: Exact, trial: _Trial) -> bool:
    ratios = [ratio for it in trial.latencies if isinstance(ratio := it["ratio"], float)]
    quicker = mean(ratios) <= _QUICKER if ratios else False
    return quicker or len(trial.data) <= _SMALLER * len(exact.data)


def _rows(exact: Exact, *, max_s: float) -> _Rows:
    """Choose rows that the exact model answers to calibrate on, and judge by the others."""
    total = row_count(exact.feeds)
    known = np.flatnonzero(answered(exact.outputs))
    affordable = max(int(max_s / _seconds_a_row(exact)), _MIN_ROWS)
    calibration = spread(known, min(_MAX_CALIBRATION_ROWS, total // 4, affordable))
    others = np.setdiff1d(np.arange(total), calibration, assume_unique=True)
    return _Rows(calibration, spread(others, min(_MAX_ROWS, affordable)))


def _seconds_a_row(exact: Exact) -> float:
    some = {name: values[:_TIMED_ROWS] for name, values in exact.feeds.items()}
    began_s = time.perf_counter()
    exact.model.run(some)
    passed_s = time.perf_counter() - began_s
    return max(passed_s / min(map(len, some.values())), 1e-9)


def _judge(exact: Exact, rows: NDArray[np.int64], *, max_loss: float) -> Judge:
    return Judge(
        manifest=exact.manifest,
        exact=exact.model,
        feeds=taken(exact.feeds, rows),
        outputs=taken(exact.outputs, rows),
        truth=exact.truth.taken(rows),
        takes_missing=exact.takes_missing,
        max_loss=max_loss,
    )


def _require_same_interface(exact: OnnxModel, variant: OnnxModel) -> None:
    for ours, theirs in ((variant.inputs, exact.inputs), (variant.outputs, exact.outputs)):
        found = [(spec.name, spec.element_type) for spec in ours]
        wanted = [(spec.name, spec.element_type) for spec in theirs]
        if found != wanted:
            raise PackageError(f"its inputs or outputs are {found}, the exact model's {wanted}")


def _tell(why_not: str, rules: VariantRules) -> None:
    if not rules.auto:
        warnings.warn(f"no {INT8} variant: {why_not}", ConversionWarning, stacklevel=2)
