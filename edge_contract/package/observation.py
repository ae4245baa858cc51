"""Observed rows: how a prediction is laid out as numbers, and which of them each statistic counts.

Devices keep one float32 row per prediction and count whole blocks of rows later. A layout says
where in the row the numbers of each profile column stand, so that the kernels (pure Python here,
numpy on devices, JavaScript in browsers) need to know nothing else.

=========  ===========================================================================
role       row
=========  ===========================================================================
primary    one number per feature, one per component of the embedding if there is one, class,
           score, latency in us
shadow     class, score, latency in us, serving model's class, serving model's score
both       then the probability of each class, if a statistic counts them
labels     predicted class, true class, score; of a regression: predicted - true value
=========  ===========================================================================

The *class* is the index of the predicted class, NaN if the task has none; the *score* is that
class's probability, or the predicted number of a regression. The latency stands in the first row of
a call, the others hold NaN, which latency statistics skip.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from edge_contract.errors import PackageError
from edge_contract.package.interface import OutputRole, Task
from edge_contract.package.manifest import Manifest
from edge_contract.package.reference import (
    EMBEDDING,
    JOINT,
    LATENCY,
    PREDICTION,
    Role,
    feature_subject,
)
from edge_contract.records import dataclass
from edge_contract.stats.categories import CategoriesSpec
from edge_contract.stats.class_probabilities import ClassProbabilitiesSpec
from edge_contract.stats.joint import JointSpec
from edge_contract.stats.profile import Column, Profile, ProfileSpec

__all__ = ["Layout", "Source", "count_rows", "embedding_size", "layout_of", "probabilities_size"]

_CLASSES: Final = "class probabilities"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a profile column finds its numbers.

    Attributes:
        positions: Places in the row, as many as the statistic's arity.
        skips_nan: Whether a row without a number is no observation at all.
    """

    positions: tuple[int, ...]
    skips_nan: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The row of one role of one package.

    Attributes:
        width: Numbers in a row.
        sources: One per column of the role's profile spec.
    """

    width: int
    sources: tuple[Source, ...]


def layout_of(role: str, manifest: Manifest, spec: ProfileSpec) -> Layout:
    """Return the layout of a role's rows.

    Raises:
        PackageError: The spec counts a subject that the manifest does not have.
    """
    classes = probabilities_size(spec)
    places, width = _places(role, manifest, components=embedding_size(spec))
    if manifest.output(OutputRole.PROBABILITIES) is not None and classes == len(manifest.classes):
        places[_CLASSES] = tuple(range(width, width + classes))
        width += classes
    sources: list[Source] = []
    for column in spec.columns:
        positions = _positions(column, places)
        if len(positions) < column.spec.arity:
            raise PackageError(
                f"package {manifest.reference} counts {column.subject!r} as {column.spec.kind!r}, "
                "which its model does not give; convert it again"
            )
        # Of a prediction a class is counted by its index, a number by its score.
        counts_class = column.spec.kind == CategoriesSpec.kind
        chosen = positions[:1] if counts_class else positions[-column.spec.arity :]
        sources.append(Source(chosen, column.subject == LATENCY))
    return Layout(width, tuple(sources))


def embedding_size(spec: ProfileSpec) -> int:
    """Return how many components of an embedding a row holds; 0 if none is counted."""
    return sum(column.spec.arity for column in spec.columns if column.subject == EMBEDDING)


def probabilities_size(spec: ProfileSpec) -> int:
    """Return how many class probabilities a row ends with; 0 if they are not counted."""
    return sum(
        column.spec.arity - 1
        for column in spec.columns
        if isinstance(column.spec, ClassProbabilitiesSpec)
    )


def count_rows(spec: ProfileSpec, layout: Layout, rows: Iterable[Sequence[float]]) -> Profile:
    """Return the profile of rows, counted one by one; the reference for every faster kernel."""
    profile = spec.empty()
    for row in rows:
        for index, source in enumerate(layout.sources):
            values = [float(row[position]) for position in source.positions]
            if not (source.skips_nan and math.isnan(values[0])):
                profile.observe(index, values)
    return profile


def _positions(column: Column, places: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return where a column's subject stands in the row; nothing if it does not."""
    match column.spec:
        case JointSpec(features=features) if column.subject == JOINT:
            return tuple(
                position for name in features for position in places.get(feature_subject(name), ())
            )
        case ClassProbabilitiesSpec():
            return (*places.get(column.subject, ())[:1], *places.get(_CLASSES, ()))
        case _:
            return places.get(column.subject, ())


def _places(
    role: str, manifest: Manifest, *, components: int
) -> tuple[dict[str, tuple[int, ...]], int]:
    """Return the positions of each subject, and the width of the row.

    Of a prediction these are its class and its score.
    """
    match role:
        case Role.PRIMARY:
            size = len(manifest.features)
            places: dict[str, tuple[int, ...]] = {
                feature_subject(feature.name): (index,)
                for index, feature in enumerate(manifest.features)
            }
            end = size
            if manifest.output(OutputRole.EMBEDDING) is not None:
                end += components
            places[EMBEDDING] = tuple(range(size, end))
            places |= {PREDICTION: (end, end + 1), LATENCY: (end + 2,)}
            return places, end + 3
        case Role.SHADOW:
            return {PREDICTION: (0, 1), LATENCY: (2,), "agreement": (3, 4, 0, 1)}, 5
        case _ if manifest.task is Task.REGRESSION:
            return {"error": (0,)}, 1
        case _:
            return {"labels": (0, 1, 2)}, 3
