"""Ways to convert an estimator: which repairs, in which precision; the exact ones first."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from converters.base import Rows
from converters.rows import in_float64
from converters.sklearn_more.boosted import READERS
from converters.sklearn_more.components import IN_ORDER
from converters.sklearn_more.histogram_trees import HISTOGRAMS, with_categories
from converters.sklearn_more.registry import hook_of
from converters.sklearn_parts import parts_of
from converters.sklearn_precision import in_single_precision, trees_see_computed
from converters.sklearn_rounding import slack_of
from converters.sklearn_scalers import SCALERS, scaler_converters
from converters.sklearn_thresholds import EDGED, looks_up_numbers
from converters.sklearn_trees import BOOSTED, Hook, tree_converters

__all__ = ["Way", "is_tree", "rounds_by_itself", "ways_of"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to convert an estimator.

    Attributes:
        hooks: Repairs, as skl2onnx's ``custom_conversion_functions``.
        is_wide: Whether to compute in float64 inside; slower, but keeps digits where large numbers
            are subtracted from each other.
        is_nearest: Whether thresholds and edges of float64 are rounded to the nearest float32, so
            that rows of float64 that equal one still do.
        singles: The ids of transformers whose results are rounded to float32, in a graph of
            float64: they compute so.
        is_exact: Whether trees get to the last bit what they get in the estimator; other ways are
            then not tried.
    """

    hooks: Mapping[type, Hook]
    is_wide: bool = False
    is_nearest: bool = False
    singles: frozenset[int] = frozenset()
    is_exact: bool = False

    @property
    def keeps_float64(self) -> bool:
        """Whether the way suits inputs of float64, of which nothing is to be rounded."""
        return self.is_wide and not self.is_nearest


def ways_of(estimator: object, rows: Rows) -> Iterator[Way]:
    """Yield what to try: trees are always repaired, scalers if there are trees behind them.

    What computes before trees is written exactly, if it can be. Scalers that are repaired come
    before others, which may pass a check on few rows and still be wrong.
    """
    kinds = {type(part) for part in parts_of(estimator)}
    looks_up = any(map(looks_up_numbers, parts_of(estimator)))
    has_edges = looks_up or bool(kinds & {*BOOSTED, *EDGED, *READERS})
    has_steps = has_edges or any(is_tree(kind) for kind in kinds)
    is_single = in_float64(rows) is not None
    if trees_see_computed(estimator):
        yield from _exact_ways(estimator, rows, has_edges=looks_up or bool(kinds & set(EDGED)))
    for is_nearest in (False, True) if has_edges else (False,):
        trees = _trees(nearest=is_nearest)
        if kinds & set(SCALERS) and has_steps:
            for single in (is_single, not is_single):
                scalers = scaler_converters(_always if single else _never)
                yield Way({**trees, **scalers}, is_nearest=is_nearest)
        yield Way(trees, is_nearest=is_nearest)
    in_order = {kind: hook_of(write) for kind, write in IN_ORDER.items()}
    yield Way({**_trees(nearest=False), **in_order}, is_wide=True)


def rounds_by_itself(estimator: object) -> bool:
    """Whether an estimator of trees makes float32 of the rows itself, before it compares them."""
    kinds = {type(part) for part in parts_of(estimator)}
    compares = any(map(looks_up_numbers, parts_of(estimator)))
    compares |= bool(kinds & {*BOOSTED, *EDGED, *READERS})
    return is_tree(type(estimator)) and not compares and not trees_see_computed(estimator)


def _always(_: object) -> bool:
    return True


def _never(_: object) -> bool:
    return False


def _exact_ways(estimator: object, rows: Rows, *, has_edges: bool) -> Iterator[Way]:
    """Yield what computes to the last bit as the estimator does: what it compares, it compares.

    Only edges of the rows themselves may be rounded, so that what is at one of them stays there.
    """
    singles = in_single_precision(estimator, rows)
    in_order = {kind: hook_of(write, singles=singles) for kind, write in IN_ORDER.items()}
    scalers = scaler_converters(lambda scaler: id(scaler) in singles)
    slack = slack_of(estimator, rows)
    for is_nearest in (False, True) if has_edges else (False,):
        hooks = {**_trees(nearest=is_nearest, slack=slack), **scalers, **in_order}
        yield Way(hooks, is_wide=True, is_nearest=is_nearest, singles=singles, is_exact=True)


def _trees(*, nearest: bool, slack: float = 0.0) -> dict[type, Hook]:
    """Return the repairs of trees, of which some know categories, too."""
    hooks = tree_converters(nearest=nearest)
    known = {
        kind: with_categories(hooks[kind], nearest=nearest, slack=slack) for kind in HISTOGRAMS
    }
    return {**hooks, **known}


def is_tree(kind: type) -> bool:
    """Whether estimators of a class may be made of trees."""
    return kind in READERS or kind.__module__.startswith(("sklearn.tree", "sklearn.ensemble"))
