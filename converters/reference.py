"""Builds a package's reference: the statistics of the rows that the author gave."""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from converters.base import ConversionWarning, Tensors
from converters.calibration import calibration_of
from converters.dependence import variance_inflation
from converters.mapping import sketch_for
from converters.observed import feature_column, observed_rows
from converters.table import MISSING_TEXT
from edge_contract.package import (
    FEW_ROWS,
    LATENCY,
    Feature,
    Layout,
    Manifest,
    Reference,
    Role,
    Task,
    count_rows,
    feature_subject,
    layout_of,
    prediction_columns,
)
from edge_contract.stats import (
    CategoriesSpec,
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
            "watched one by one, only the predictions are",
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
    truths: NDArray[np.int64] | None,
    count: RowCounter,
) -> Reference:
    """Return the reference of some rows.

    Args:
        manifest: With features, outputs, task, classes and threshold.
        feeds: The rows as the model takes them.
        outputs: What the model says about them.
        truths: Of a classifier, the index of every row's true class; -1 if it is none.
        count: Counts the rows.
    """
    rows = observed_rows(manifest, feeds, outputs)
    if len(rows) < FEW_ROWS:
        warnings.warn(
            f"the reference has {len(rows)} rows, below {FEW_ROWS}: only larger changes of the "
            "inputs will raise alarms; give more rows if there are any",
            ConversionWarning,
            stacklevel=2,
        )
    spec = _profile_spec(manifest, rows)
    layout = layout_of(Role.PRIMARY, manifest, spec)
    return Reference(
        rows=len(rows),
        profile=count(spec, layout, rows),
        calibration=calibration_of(manifest, rows, truths),
        variance_inflation=_variance_inflation(rows[:, : len(manifest.features)], truths),
    )


def _profile_spec(manifest: Manifest, rows: NDArray[np.float32]) -> ProfileSpec:
    columns: list[Column] = []
    for index, feature in enumerate(manifest.features):
        subject = feature_subject(feature.name)
        if feature.is_category:
            columns.append(Column(subject, CategoriesSpec(len(feature.categories))))
        else:
            columns.append(Column(subject, sketch_for(rows[:, index])))
            columns.append(Column(subject, MomentsSpec()))
    values = sketch_for(rows[:, -2]) if manifest.task is Task.REGRESSION else None
    columns.extend(prediction_columns(manifest, values=values))
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


def _variance_inflation(columns: NDArray[np.float32], truths: NDArray[np.int64] | None) -> float:
    """Return tau, and say so if the rows depend on each other or are sorted."""
    if truths is not None and _is_grouped(truths):
        warnings.warn(
            "the rows are sorted by their labels, so how much neighbouring rows depend on each "
            "other is unknown and taken as not at all: give the rows in the order of time",
            ConversionWarning,
            stacklevel=3,
        )
        return 1.0
    tau = variance_inflation(columns)
    if tau > _ORDERED_ROWS:
        warnings.warn(
            f"neighbouring rows resemble each other (variance inflation {tau:.1f}), so alarms will "
            "wait for more rows: if X is sorted and not in the order of time, shuffle it",
            ConversionWarning,
            stacklevel=3,
        )
    return tau


def _is_grouped(truths: NDArray[np.int64]) -> bool:
    """Whether each class stands in one block, with more than a few rows in a block."""
    changes = int(np.count_nonzero(np.diff(truths)))
    classes = len(np.unique(truths))
    return classes > 1 and changes == classes - 1 and len(truths) >= 10 * classes
