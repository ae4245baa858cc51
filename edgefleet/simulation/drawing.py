"""Statistics of a window, drawn from a package's reference without running the model.

Numbers are drawn bucket by bucket as the reference has them, so a fleet that does not drift looks
like it. What needs whole rows is left out: pairs of features, embeddings, and what the
probabilities of all classes are worth.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_agent.adapters.numpy_counting import BlockCounter
from edge_contract.package import (
    LATENCY,
    PREDICTION,
    Layout,
    Manifest,
    Reference,
    Role,
    feature_subject,
    layout_of,
    profile_specs,
)
from edge_contract.reading import JsonValue
from edge_contract.stats import (
    AgreementSpec,
    Categories,
    CategoriesSpec,
    Column,
    MomentsSpec,
    Probabilities,
    ProbabilitiesSpec,
    ProfileSpec,
    Sketch,
    SketchSpec,
)

__all__ = ["Drawing", "Drawn", "Look"]

_Numbers: TypeAlias = NDArray[np.float64]
_Values: TypeAlias = Callable[[np.random.Generator, int], _Numbers]

_DRAWABLE = (SketchSpec, MomentsSpec, CategoriesSpec, ProbabilitiesSpec, AgreementSpec)
_LATENCY_SHAPE, _LATENCY_US = 2.0, 400.0
_DISAGREE = 0.02  # fraction of the rows in which another version predicts another class


@dataclass(frozen=True, slots=True)
class Look:
    """What differs from the reference.

    Attributes:
        shifts: By feature, how many standard deviations its numbers grow by.
        missing: By feature, the fraction of values that is missing.
        latency: How many times as long predictions take.
        drifts: Fraction of the predictions that are another class.
    """

    shifts: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, float] = field(default_factory=dict)
    latency: float = 1.0
    drifts: float = 0.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """How the values of one place of a row are drawn.

    Attributes:
        values: Draws so many.
        spread: Their standard deviation, by the reference.
    """

    values: _Values
    spread: float = 0.0


class Drawing:
    """Draws windows of one package.

    Args:
        manifest: Of the package.
        reference: The same.
    """

    def __init__(self, manifest: Manifest, reference: Reference) -> None:
        self._classes = len(manifest.classes)
        self._features = [feature.name for feature in manifest.features]
        profile, specs = reference.profile, profile_specs(manifest, reference)
        self._counters = {
            role: _Counter.of(specs[role], layout_of(role, manifest, specs[role]))
            for role in (Role.PRIMARY, Role.SHADOW)
        }
        self._inputs = [
            _drawn(profile.find(feature_subject(name), SketchSpec.kind))
            or _drawn(profile.find(feature_subject(name), CategoriesSpec.kind))
            or Drawn(_zeros)
            for name in self._features
        ]
        self._scores = _scores(profile.find(PREDICTION, ProbabilitiesSpec.kind))
        self._predicted = _drawn(profile.find(PREDICTION, CategoriesSpec.kind))
        self._regressed = _drawn(profile.find(PREDICTION, SketchSpec.kind))

    def window(
        self, role: str, rows: int, *, look: Look, chance: np.random.Generator
    ) -> Mapping[int, JsonValue]:
        """Return the states by column of a window of so many rows, at least one.

        Args:
            role: ``primary`` or ``shadow``.
            rows: How many.
            look: What differs from the reference.
            chance: Decides.
        """
        counter = self._counters[role]
        table = np.full((rows, counter.width), np.nan, np.float32)
        prediction = self._predictions(rows, look, chance)
        latency = chance.gamma(_LATENCY_SHAPE, _LATENCY_US * look.latency, rows)
        if role == Role.PRIMARY:
            for place, (name, drawn) in enumerate(zip(self._features, self._inputs, strict=True)):
                table[:, place] = _seen(drawn, name, rows, look=look, chance=chance)
            # What stands between, an embedding, is not drawn.
            place = counter.latency_at
            table[:, place - 2 : place] = prediction
            table[:, place] = latency
        else:
            table[:, :2] = prediction
            table[:, 2] = latency
            table[:, 3:5] = prediction
            others = chance.random(rows) < _DISAGREE + look.drifts
            table[others, 3] = (table[others, 3] + 1) % max(self._classes, 1)
        return counter.count(table)

    def _predictions(self, rows: int, look: Look, chance: np.random.Generator) -> _Numbers:
        """Return ``float64[rows, 2]``: class and score."""
        found = np.full((rows, 2), np.nan)
        if self._scores is not None:
            found[:] = self._scores(chance, rows)
        elif self._predicted is not None:
            found[:, 0] = self._predicted.values(chance, rows)
        elif self._regressed is not None:
            found[:, 1] = self._regressed.values(chance, rows)
            found[:, 1] += look.drifts * self._regressed.spread
        if look.drifts and self._classes > 1:
            others = chance.random(rows) < look.drifts
            found[others, 0] = (found[others, 0] + 1) % self._classes
        return found


@dataclass(frozen=True, slots=True)
class _Counter:
    """Counts the columns that can be drawn, under their numbers in the whole profile."""

    width: int
    latency_at: int
    numbers: tuple[int, ...]
    counter: BlockCounter

    @classmethod
    def of(cls, spec: ProfileSpec, layout: Layout) -> "_Counter":
        chosen: list[tuple[int, Column]] = [
            (number, column)
            for number, column in enumerate(spec.columns)
            if isinstance(column.spec, _DRAWABLE)
        ]
        sources = tuple(layout.sources[number] for number, _ in chosen)
        latency = [
            layout.sources[number].positions[0]
            for number, column in chosen
            if column.subject == LATENCY
        ]
        return cls(
            layout.width,
            latency[0] if latency else layout.width - 1,
            tuple(number for number, _ in chosen),
            BlockCounter(
                ProfileSpec(tuple(column for _, column in chosen)), Layout(layout.width, sources)
            ),
        )

    def count(self, table: NDArray[np.float32]) -> Mapping[int, JsonValue]:
        state = self.counter.count(table).brief().to_state()
        return {self.numbers[index]: found for index, found in state.items()}


def _seen(
    drawn: Drawn, name: str, rows: int, *, look: Look, chance: np.random.Generator
) -> _Numbers:
    values = drawn.values(chance, rows)
    if shift := look.shifts.get(name, 0.0):
        values = values + shift * drawn.spread
    if missing := look.missing.get(name, 0.0):
        values = np.where(chance.random(rows) < missing, np.nan, values)
    return values


def _drawn(statistic: object) -> Drawn | None:
    """Return how to draw what a statistic has counted; ``None`` if it has not."""
    match statistic:
        case Sketch() if statistic.count:
            edges = [statistic.spec.edges_of(code) for code in statistic.counts]
            values = [statistic.spec.value_of(code) for code in statistic.counts]
            if statistic.spec.integer or not edges:
                edges = [(value, value) for value in values]
            ends = [*edges, (0.0, 0.0), (np.nan, np.nan)]
            weights = [*statistic.counts.values(), statistic.zero, statistic.missing]
            return Drawn(_chooser(ends, weights), _spread(values, list(statistic.counts.values())))
        case Categories() if statistic.counts:
            ends = [(float(code), float(code)) for code in statistic.counts]
            return Drawn(_chooser(ends, list(statistic.counts.values())))
        case _:
            return None


def _chooser(ends: Sequence[tuple[float, float]], weights: Sequence[int]) -> _Values:
    """Return what draws a bucket by its weight, then a number in it."""
    low, high = np.array(ends, np.float64).T
    shares = np.cumsum(np.array(weights, np.float64))
    shares /= shares[-1]

    def draw(chance: np.random.Generator, rows: int) -> _Numbers:
        both = chance.random((2, rows))
        chosen = np.searchsorted(shares, both[0], side="right")
        return np.asarray(low[chosen] + (high[chosen] - low[chosen]) * both[1])

    return draw


def _scores(statistic: object) -> _Values | None:
    """Return what draws predicted classes with their probabilities: ``float64[rows, 2]``."""
    if not isinstance(statistic, Probabilities) or not statistic.counts:
        return None
    cells = [
        (predicted, *statistic.spec.edges_of(predicted, index), count)
        for predicted, bins in statistic.counts.items()
        for index, count in bins.items()
    ]
    classes = np.array([cell[0] for cell in cells], np.float64)
    low, high = np.array([cell[1:3] for cell in cells]).T
    shares = np.cumsum(np.array([cell[3] for cell in cells], np.float64))
    shares /= shares[-1]

    def draw(chance: np.random.Generator, rows: int) -> _Numbers:
        both = chance.random((2, rows))
        chosen = np.searchsorted(shares, both[0], side="right")
        scores = low[chosen] + (high[chosen] - low[chosen]) * both[1]
        return np.stack([classes[chosen], scores], axis=1)

    return draw


def _spread(values: Sequence[float], counts: Sequence[int]) -> float:
    """Return the standard deviation as outliers do not disturb it: IQR / 1.35."""
    if not values:
        return 0.0
    order = np.argsort(values)
    shares = np.cumsum(np.array(counts, np.float64)[order])
    places = np.searchsorted(shares, [0.25 * shares[-1], 0.75 * shares[-1]])
    low, high = np.array(values, np.float64)[order][places]
    return float(high - low) / 1.35


def _zeros(_chance: np.random.Generator, rows: int) -> _Numbers:
    return np.zeros(rows)
