"""What boosters are fitted on, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TRAIN",
    "Labels",
    "Plan",
    "Rows",
    "fitting",
    "ranking",
    "rows_of",
    "squares",
    "weighted",
]

Rows: TypeAlias = NDArray[np.generic]

TRAIN: Final = 240
"""How many of the rows a booster is fitted on."""

_ROWS: Final = 300
_CATEGORIES: Final = 8


@dataclass(frozen=True, slots=True)
class Labels:
    """What may be learnt of the rows."""

    real: NDArray[np.float64]

    @property
    def positive(self) -> NDArray[np.float64]:
        """Numbers above 0."""
        return np.abs(self.real) + 0.01

    @property
    def share(self) -> NDArray[np.float64]:
        """Numbers from 0 to 1."""
        span: NDArray[np.float64] = (self.real - self.real.min()) / np.ptp(self.real)
        return span

    @property
    def two(self) -> NDArray[np.int64]:
        """Two classes."""
        return (self.real > 0).astype(np.int64)

    @property
    def three(self) -> NDArray[np.int64]:
        """Three classes, or degrees of relevance."""
        return np.digitize(self.real, [-1.0, 1.0]).astype(np.int64)

    @property
    def texts(self) -> NDArray[np.object_]:
        """Three classes with names."""
        return np.array(["low", "middle", "high"], dtype=object)[self.three]

    @property
    def several(self) -> NDArray[np.float64]:
        """Two numbers for each row."""
        return np.column_stack([self.real, -2 * self.real])

    @property
    def spans(self) -> NDArray[np.float64]:
        """From when to when something happened."""
        return np.column_stack([self.positive, self.positive + 1])

    @property
    def both(self) -> NDArray[np.int64]:
        """Two labels for each row."""
        return np.column_stack([self.real > 0, self.real > 1]).astype(np.int64)


class Plan(NamedTuple):
    """A booster to be fitted.

    Attributes:
        what: Its objective, and what is special.
        fit: Returns it.
        rows: Which of :func:`rows_of` it is fitted on.
    """

    what: str
    fit: Callable[[Rows, Labels], object]
    rows: str = "gaps"


class _Fitted(Protocol):
    def fit(self, rows: Rows, labels: Rows, **more: object) -> object: ...


def fitting(
    kind: Callable[..., _Fitted],
    labels: str,
    settings: dict[str, object],
    **more: object,
) -> Callable[[Rows, Labels], object]:
    """Return what fits an estimator of ``kind`` to a property of the labels."""

    def fit(rows: Rows, known: Labels) -> object:
        return kind(**settings).fit(rows, getattr(known, labels), **more)

    return fit


def ranking(
    kind: Callable[..., _Fitted], settings: dict[str, object], *, by: str, of: str = "three"
) -> Callable[[Rows, Labels], object]:
    """Return what fits a ranker of queries of 20 rows, which it is told as argument ``by``."""

    def fit(rows: Rows, known: Labels) -> object:
        queries = np.arange(len(rows)) // 20
        told = np.bincount(queries) if by == "group" else queries
        return kind(**settings).fit(rows, getattr(known, of), **{by: told})

    return fit


def weighted(
    kind: Callable[..., _Fitted], settings: dict[str, object]
) -> Callable[[Rows, Labels], object]:
    """Return what fits a regressor to rows of which some count more."""

    def fit(rows: Rows, known: Labels) -> object:
        weights = np.linspace(0.1, 3, len(rows))
        return kind(**settings).fit(rows, known.real, sample_weight=weights)

    return fit


def squares(
    truth: NDArray[np.float64], said: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gradients of squared errors: an objective that no library knows."""
    return said - truth, np.ones_like(said)


def rows_of(kind: str) -> tuple[Rows, Labels]:
    """Return rows and labels.

    Args:
        kind: ``gaps`` of float32, ``float64`` of it; ``marker``, where -999.1 stands for a gap;
            ``categories``, of which column 2 has some, or the same as ``whole`` numbers.
    """
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(_ROWS, 5))
    rows[:, 1] = np.where(rng.random(_ROWS) < 0.3, 0.0, rows[:, 1])
    rows[:, 2] = rng.integers(0, _CATEGORIES, _ROWS)
    real = np.tanh(rows[:, 0]) * 2 + np.where(rows[:, 1] == 0, 1.0, rows[:, 1])
    real += np.isin(rows[:, 2], [1, 4, 6]) * 1.5 - 0.5 + rng.normal(size=_ROWS) * 0.1
    match kind:
        case "categories":
            return rows.astype(np.float32), Labels(real)
        case "whole":
            return np.round(rows).astype(np.int64), Labels(real)
        case _:
            is_gap = rng.random(_ROWS) < 0.15
            rows[is_gap, 3] = -999.1 if kind == "marker" else np.nan
            dtype = np.float64 if kind == "float64" else np.float32
            return rows.astype(dtype), Labels(real + is_gap)
