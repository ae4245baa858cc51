"""Learns where a regression's errors are large, from rows whose truth the author knew.

In the spirit of direct loss estimation (DLE, as NannyML describes it): a second model predicts the
error of the first one. Theirs is a forest over whole rows; this one is a sum of step functions, one
per subject, so that the cloud can apply it to histograms and never needs a row. What it cannot
learn is an error that depends on two subjects together and on neither by itself.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_contract.package import PREDICTION, Manifest, feature_subject
from edge_contract.package.error_model import ErrorModel, ErrorTerm
from edge_contract.stats import ProfileSpec, SketchSpec
from edge_contract.stats.float32 import MAX_FLOAT32

__all__ = ["error_model_of"]

_Numbers: TypeAlias = NDArray[np.float64]
_Places: TypeAlias = NDArray[np.intp]

_QUANTILES: Final = 1.0 / (1.0 + np.exp(-np.arange(-6.9, 7.0, 0.6)))
"""Where steps end: narrow in the tails, because drift goes there."""

_CATEGORIES: Final = 32
_MOST_ROWS: Final = 50_000
_FEWEST_ROWS: Final = 50
_CANDIDATES: Final = 16
_SIZES: Final = (1, 2, 3, 4, 6, 8, 12, 16)
_FOLDS: Final = 5
_RIDGE_ROWS: Final = 1.0
_NEIGHBOUR_ROWS: Final = 10.0
_WORTH_A_TERM: Final = 0.004


class _Candidate(NamedTuple):
    """A subject that may have a term: its steps, and the place of every row."""

    subject: str
    size: int
    places: _Places
    cuts: tuple[float, ...] = ()
    is_category: bool = False


def error_model_of(
    manifest: Manifest, spec: ProfileSpec, rows: NDArray[np.float32], truths: _Numbers
) -> ErrorModel | None:
    """Return what errors are to be expected; ``None`` if no row has a finite truth and prediction.

    Args:
        manifest: Of a regression.
        spec: How its inputs and predictions are counted.
        rows: Observed rows, one number per feature first, the prediction the last but one.
        truths: The true numbers.
    """
    errors = rows[:, -2].astype(np.float64) - truths
    known = np.flatnonzero(np.isfinite(errors) & (np.abs(errors) < MAX_FLOAT32))
    known = known[:: max(-(-len(known) // _MOST_ROWS), 1)]
    if not len(known):
        return None
    sizes = np.abs(errors[known])
    targets = np.stack([sizes, sizes * sizes], axis=1)
    chosen: list[_Candidate] = []
    explained = 0.0
    if len(known) >= _FEWEST_ROWS and sizes.var() > 0:
        chosen, explained = _chosen(_candidates(manifest, spec, rows[known]), sizes)
    return _fitted(chosen, targets, explained)


def _candidates(
    manifest: Manifest, spec: ProfileSpec, rows: NDArray[np.float32]
) -> list[_Candidate]:
    columns = [
        (feature_subject(feature.name), index, feature.is_category, len(feature.categories))
        for index, feature in enumerate(manifest.features)
    ]
    columns.append((PREDICTION, rows.shape[1] - 2, False, 0))
    found: list[_Candidate] = []
    for subject, index, is_category, categories in columns:
        values = rows[:, index].astype(np.float64)
        if is_category:
            found.append(_category(subject, values, min(categories, _CATEGORIES)))
            continue
        column = spec.indices(subject).get(SketchSpec.kind)
        sketch = None if column is None else spec.columns[column].spec
        if isinstance(sketch, SketchSpec):
            found.append(_number(subject, values, sketch))
    return [candidate for candidate in found if candidate.size > 1]


def _category(subject: str, codes: _Numbers, size: int) -> _Candidate:
    listed = (codes >= 0) & (codes < size)
    with np.errstate(invalid="ignore"):
        places = np.where(np.isnan(codes), 0, np.where(listed, codes + 1, size + 1))
    return _Candidate(subject, size + 2, places.astype(np.intp), is_category=True)


def _number(subject: str, values: _Numbers, sketch: SketchSpec) -> _Candidate:
    """Return a number's steps: about as many rows in each, cut where buckets of its sketch end."""
    finite = values[np.isfinite(values) & (np.abs(values) <= MAX_FLOAT32)]
    cuts: list[float] = []
    if len(finite):
        wanted = np.unique(np.quantile(finite, _QUANTILES, method="nearest"))
        edges = {_lower_edge(sketch, float(value)) for value in wanted if value > finite.min()}
        cuts = sorted(edges)
    places = np.where(np.isnan(values), 0, 1 + np.searchsorted(cuts, values, side="right"))
    return _Candidate(subject, len(cuts) + 2, places.astype(np.intp), tuple(cuts))


def _lower_edge(sketch: SketchSpec, value: float) -> float:
    return 0.0 if value == 0 else min(sketch.edges_of(sketch.code_of(value)))


def _chosen(candidates: Sequence[_Candidate], sizes: _Numbers) -> tuple[list[_Candidate], float]:
    """Return the subjects whose terms together predict best on rows that were left out."""
    folds = np.arange(len(sizes)) % _FOLDS
    alone = [(_explained([candidate], sizes, folds), candidate) for candidate in candidates]
    useful = sorted((item for item in alone if item[0] > 0), key=lambda item: -item[0])
    ranked = [candidate for _, candidate in useful[:_CANDIDATES]]
    best: list[_Candidate] = []
    explained = 0.0
    for size in _SIZES:
        if size > len(ranked):
            break
        found = _explained(ranked[:size], sizes, folds)
        if found > explained + _WORTH_A_TERM:
            best, explained = ranked[:size], found
    return best, explained


def _explained(candidates: Sequence[_Candidate], sizes: _Numbers, folds: _Places) -> float:
    """Return the share of the variance that is explained on rows that were left out."""
    table = _indicators(candidates)
    missed = 0.0
    for fold in range(_FOLDS):
        inside, outside = folds != fold, folds == fold
        mean = sizes[inside].mean()
        effects = _solved(candidates, table[inside], sizes[inside, None] - mean)
        missed += float(((sizes[outside] - mean - table[outside] @ effects[:, 0]) ** 2).sum())
    return 1.0 - missed / float(((sizes - sizes.mean()) ** 2).sum())


def _indicators(candidates: Sequence[_Candidate]) -> _Numbers:
    table = np.zeros((len(candidates[0].places), sum(c.size for c in candidates)))
    first = 0
    for candidate in candidates:
        table[np.arange(len(table)), first + candidate.places] = 1.0
        first += candidate.size
    return table


def _solved(candidates: Sequence[_Candidate], table: _Numbers, targets: _Numbers) -> _Numbers:
    """Return effects by least squares; steps with few rows lean on the steps beside them."""
    bend = table.T @ table
    bend[np.diag_indices_from(bend)] += _RIDGE_ROWS
    first = 0
    for candidate in candidates:
        if candidate.is_category:
            own = np.arange(first, first + candidate.size)
            bend[own, own] += _NEIGHBOUR_ROWS
        else:
            left = np.arange(first + 1, first + candidate.size - 1)
            bend[left, left] += _NEIGHBOUR_ROWS
            bend[left + 1, left + 1] += _NEIGHBOUR_ROWS
            bend[left, left + 1] -= _NEIGHBOUR_ROWS
            bend[left + 1, left] -= _NEIGHBOUR_ROWS
        first += candidate.size
    return np.asarray(np.linalg.solve(bend, table.T @ targets), np.float64)


def _fitted(chosen: Sequence[_Candidate], targets: _Numbers, explained: float) -> ErrorModel:
    means = targets.mean(axis=0)
    residuals = targets - means
    terms: list[ErrorTerm] = []
    if chosen:
        table = _indicators(chosen)
        effects = _solved(chosen, table, residuals)
        residuals -= table @ effects
        first = 0
        for candidate in chosen:
            own = effects[first : first + candidate.size]
            first += candidate.size
            counts = np.bincount(candidate.places, minlength=candidate.size)
            own -= counts @ own / counts.sum()  # over the reference's rows a term adds nothing
            terms.append(
                ErrorTerm(
                    candidate.subject,
                    candidate.cuts,
                    candidate.is_category,
                    tuple(counts.tolist()),
                    tuple(own[:, 0].tolist()),
                    tuple(own[:, 1].tolist()),
                )
            )
    variances = residuals.var(axis=0)
    return ErrorModel(
        rows=len(targets),
        absolute=float(means[0]),
        squared=float(means[1]),
        absolute_variance=float(variances[0]),
        squared_variance=float(variances[1]),
        explained=min(max(explained, 0.0), 1.0),
        terms=tuple(terms),
    )
