"""Builds a package's reference: the statistics of the rows that the author gave."""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from converters.base import ConversionWarning, Tensors
from converters.calibration import learned, probabilities_of
from converters.custom_statistics import custom_columns
from converters.dependence import variance_inflation
from converters.embedding import vectors_for
from converters.error_model import error_model_of
from converters.joint import joint_for
from converters.mapping import sketch_for
from converters.observed import feature_column, observed_rows
from converters.quality import Truth
from converters.strata import Timing, timing_of
from converters.table import MISSING_TEXT
from converters.watching import Watching
from edge_contract.package import (
    EMBEDDING,
    FEW_ROWS,
    JOINT,
    LATENCY,
    Calibration,
    Feature,
    Layout,
    Manifest,
    Reference,
    Role,
    Strata,
    Stratum,
    Task,
    count_rows,
    feature_subject,
    label_columns,
    layout_of,
    prediction_columns,
)
from edge_contract.stats import (
    CategoriesSpec,
    ClassProbabilitiesSpec,
    Column,
    MomentsSpec,
    Profile,
    ProfileSpec,
    SketchSpec,
)

__all__ = ["MAX_FEATURES", "RowCounter", "build_reference", "count_plainly", "with_categories"]

RowCounter: TypeAlias = Callable[[ProfileSpec, Layout, NDArray[np.float32]], Profile]
"""Counts observed rows, ``float32[rows, width]``; a device's kernel or :func:`count_plainly`."""

MAX_FEATURES: Final = 1024
"""Models with more values in a row (images, sound) are watched by their predictions alone."""

_MAX_CATEGORIES: Final = 200
_MAX_CATEGORY_LENGTH: Final = 100
_MIN_CATEGORY_ROWS: Final = 3
_ORDERED_ROWS: Final = 5.0
_MAX_COMPONENTS: Final = 64


def count_plainly(spec: ProfileSpec, layout: Layout, rows: NDArray[np.float32]) -> Profile:
    """Count rows one by one with the standard library alone: some microseconds a number."""
    return count_rows(spec, layout, rows.tolist())


def with_categories(features: Sequence[Feature], manifest: Manifest, feeds: Tensors) -> Manifest:
    """Return the manifest with its features, each category column with its categories.

    A text that stands in fewer than 3 rows is no category: it may be a name, an address or another
    thing of one person only, which must not get into a package.
    """
    if len(features) > MAX_FEATURES:
        warnings.warn(
            f"the model takes {len(features)} values a row, more than {MAX_FEATURES}: they are not "
            "watched one by one, only the predictions are (and an embedding, if an output is one)",
            ConversionWarning,
            stacklevel=2,
        )
        return replace(manifest, features=())
    filled = [
        replace(
            feature,
            categories=_categories(
                feature_column(feature, feeds[manifest.inputs[feature.input_index].name])
            ),
        )
        if feature.is_category
        else feature
        for feature in features
    ]
    return replace(manifest, features=tuple(filled))


def build_reference(
    manifest: Manifest,
    feeds: Tensors,
    outputs: Tensors,
    *,
    truth: Truth,
    count: RowCounter,
    watching: Watching | None = None,
) -> Reference:
    """Return the reference of some rows.

    Args:
        manifest: With features, outputs, task, classes and threshold.
        feeds: The rows as the model takes them.
        outputs: What the model says about them.
        truth: What came true for the rows, if the author knows.
        count: Counts the rows.
        watching: What to watch beyond the features one by one.

    Raises:
        UsageError: ``watching`` asks for what cannot be done.
    """
    wanted = watching or Watching()
    rows = observed_rows(manifest, feeds, outputs)
    if len(rows) < FEW_ROWS:
        warnings.warn(
            f"the reference has {len(rows)} rows, below {FEW_ROWS}: only larger changes of the "
            "inputs will raise alarms; give more rows if there are any",
            ConversionWarning,
            stacklevel=2,
        )
    timing = timing_of(wanted, rows=len(rows))
    given = probabilities_of(manifest, outputs)
    found = learned(manifest, predicted=rows[:, -3], probabilities=given, truths=truth.classes)
    spec = _profile_spec(manifest, rows, joint=wanted.joint, worths=found.worths)
    spec = ProfileSpec((*spec.columns, *custom_columns(manifest, rows, wanted.statistics)))
    layout = layout_of(Role.PRIMARY, manifest, spec)
    counted = rows if given is None or found.worths is None else np.hstack((rows, given))
    calibration = found.calibration
    if truth.values is not None:
        calibration = Calibration(errors=error_model_of(manifest, spec, rows, truth.values))
    return Reference(
        rows=len(rows),
        profile=count(spec, layout, counted),
        calibration=calibration,
        variance_inflation=_variance_inflation(_watched(manifest, rows), truth, timing),
        strata=_strata(timing, spec, layout, counted, count=count),
        labels=_labels(manifest, rows, truth, count),
    )


def _strata(
    timing: Timing,
    spec: ProfileSpec,
    layout: Layout,
    rows: NDArray[np.float32],
    *,
    count: RowCounter,
) -> Strata | None:
    if timing.spec is None:
        return None
    parts = {
        key: Stratum(len(places), count(spec, layout, rows[places]))
        for key, places in timing.places.items()
    }
    return Strata(timing.spec, parts)


def _labels(
    manifest: Manifest, rows: NDArray[np.float32], truth: Truth, count: RowCounter
) -> Profile | None:
    """Return what devices would count of these truths; ``None`` if there are none."""
    given = truth_columns(rows, truth)
    if given is None:
        return None
    errors = sketch_for(given[:, 0]) if truth.values is not None else None
    spec = ProfileSpec(label_columns(manifest, errors=errors))
    return count(spec, layout_of(Role.LABELS, manifest, spec), given)


def truth_columns(rows: NDArray[np.float32], truth: Truth) -> NDArray[np.float32] | None:
    """Return observed rows and their truths as rows of the labels' role; ``None`` for no truths."""
    classes, scores = rows[:, -3], rows[:, -2]
    if truth.values is not None:
        errors: NDArray[np.float32] = (scores - truth.values).astype(np.float32)[:, None]
        return errors
    if truth.classes is None:
        return None
    known = truth.classes >= 0
    return np.stack([classes, truth.classes.astype(np.float32), scores], axis=1)[known]


def _watched(manifest: Manifest, rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the columns that tell how much neighbouring rows depend on each other."""
    size = len(manifest.features)
    return rows[:, :size] if size else rows[:, : min(rows.shape[1] - 3, _MAX_COMPONENTS)]


def _profile_spec(
    manifest: Manifest,
    rows: NDArray[np.float32],
    *,
    joint: int,
    worths: ClassProbabilitiesSpec | None,
) -> ProfileSpec:
    columns: list[Column] = []
    for index, feature in enumerate(manifest.features):
        subject = feature_subject(feature.name)
        if feature.is_category:
            columns.append(Column(subject, CategoriesSpec(len(feature.categories))))
        else:
            columns.append(Column(subject, sketch_for(rows[:, index])))
            columns.append(Column(subject, MomentsSpec()))
    pairs = joint_for(manifest.features, rows, pairs=joint)
    if pairs is not None:
        columns.append(Column(JOINT, pairs))
    vectors = rows[:, len(manifest.features) : -3]
    if vectors.shape[1]:
        columns.append(Column(EMBEDDING, vectors_for(vectors)))
    values = sketch_for(rows[:, -2]) if manifest.task is Task.REGRESSION else None
    columns.extend(prediction_columns(manifest, values=values, worths=worths))
    columns.append(Column(LATENCY, SketchSpec()))
    return ProfileSpec(tuple(columns))


def _categories(texts: NDArray[np.generic]) -> tuple[str, ...]:
    """Return the texts of a column, most frequent first."""
    counts = Counter(texts.tolist())
    known = [
        (-count, str(text))
        for text, count in counts.items()
        if text != MISSING_TEXT
        and count >= _MIN_CATEGORY_ROWS
        and len(str(text)) <= _MAX_CATEGORY_LENGTH
    ]
    return tuple(text for _, text in sorted(known)[:_MAX_CATEGORIES])


def _variance_inflation(columns: NDArray[np.float32], truth: Truth, timing: Timing) -> float:
    """Return tau, and say so if the rows depend on each other or are sorted."""
    if timing.order is not None:
        place = np.argsort(timing.order)
        groups = [np.sort(place[rows]) for rows in timing.places.values()]
        return variance_inflation(columns[timing.order], groups)
    if truth.classes is not None and _is_grouped(truth.classes):
        warnings.warn(
            "the rows are sorted by their labels, so how much neighbouring rows depend on each "
            "other is unknown and taken as not at all: give times, or the rows in their order",
            ConversionWarning,
            stacklevel=3,
        )
        return 1.0
    tau = variance_inflation(columns)
    if tau > _ORDERED_ROWS:
        warnings.warn(
            f"neighbouring rows resemble each other (variance inflation {tau:.1f}), so alarms will "
            "wait for more rows: if X is sorted, and not by time, shuffle it or give times",
            ConversionWarning,
            stacklevel=3,
        )
    return tau


def _is_grouped(truths: NDArray[np.int64]) -> bool:
    """Whether each class stands in one block, with more than a few rows in a block."""
    changes = int(np.count_nonzero(np.diff(truths)))
    classes = len(np.unique(truths))
    return classes > 1 and changes == classes - 1 and len(truths) >= 10 * classes
