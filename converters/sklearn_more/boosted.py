"""Ensembles of boosted trees as their libraries keep them, and their ONNX nodes.

Each library has a file that reads its models into an :class:`Ensemble`; what happens to a sum of
leaves afterwards is the same for all of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from converters.sklearn_more.boosted_links import LINKS
from converters.sklearn_more.markers import is_missing
from converters.sklearn_more.memberships import numbers_of
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.questions import Question, with_answers
from converters.sklearn_more.registry import converts
from converters.sklearn_more.several import says_several
from converters.sklearn_more.trees import Branches, Leaves, TreeSum
from converters.thresholds import Threshold
from edge_contract.errors import UsageError

__all__ = ["READERS", "BoostedTree", "Ensemble", "Read", "ensemble_thresholds", "reads"]


class BoostedTree(NamedTuple):
    """A tree.

    Attributes:
        branches: Where it leads. Columns after those of the rows are answers to the ensemble's
            questions.
        targets: The columns of the answer that its leaves add to.
        values: What they add: ``float64[nodes, targets]``.
    """

    branches: Branches
    targets: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """A sum of trees, and what is made of it.

    Attributes:
        trees: At least one, unless there is a line.
        compares_float64: Whether rows of float64 are compared as such, and not made float32.
        base: What is added to the sums, by target.
        link: What is made of the sums; a key of the links.
        slope: What sums are multiplied with before a logistic link.
        is_strict: Whether smaller values go left, and not equal ones.
        missing: The number that means a missing value, beside NaN.
        lacks_zeros: Whether a zero of a sparse table means a missing value.
        near_zero: If not ``None``, numbers as near to 0 as this mean a missing value.
        questions: What is asked about categories.
        line: What columns are multiplied with and added to the sums, ``[columns, targets]``;
            missing values add nothing.
        sloped: Columns that leaves multiply: the trees have a target more for each of them and
            each target proper, which follow these, column by column. Each column stands there
            twice, for slopes above 0 and below: of an infinite number they leave nothing.
    """

    trees: tuple[BoostedTree, ...]
    base: NDArray[np.float64]
    link: str
    slope: float = 1.0
    is_strict: bool = False
    missing: float | None = None
    near_zero: float | None = None
    questions: tuple[Question, ...] = ()
    compares_float64: bool = False
    lacks_zeros: bool = False
    line: NDArray[np.float64] | None = None
    sloped: tuple[int, ...] = ()


Read: TypeAlias = Callable[[BaseEstimator], Ensemble]
"""Returns the trees of a fitted estimator; raises ``UsageError`` if they cannot be converted."""

READERS: Final[dict[type, Read]] = {}
"""How the trees of an estimator are read, by its class."""


def reads(*kinds: type) -> Callable[[Read], Read]:
    """List a function as the reader of estimators of these classes, and convert them with it."""

    def listed(read: Read) -> Read:
        READERS.update(dict.fromkeys(kinds, read))

        def write(nodes: Nodes, model: BaseEstimator) -> None:
            _write(nodes, model, read(model))

        converts(*kinds)(write)
        return read

    return listed


def ensemble_thresholds(estimator: object) -> Iterator[Threshold]:
    """Yield what the trees of an estimator compare its columns with; nothing if it has none.

    They are the nearest of float32: rows of float64 beside them then reach a device unchanged.
    """
    read = READERS.get(type(estimator))
    if read is None or not _is_fitted(estimator):
        return
    for tree in read(estimator).trees:
        found = tree.branches
        is_split = found.left >= 0
        with np.errstate(over="ignore"):
            edges = found.thresholds[is_split].astype(np.float32)
        pairs = zip(found.features[is_split], edges, strict=True)
        yield from (Threshold(int(column), float(value)) for column, value in pairs)


def _is_fitted(estimator: object) -> bool:
    """Whether an estimator is fitted; others keep a copy of what they were made of."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _write(nodes: Nodes, model: BaseEstimator, ensemble: Ensemble) -> None:
    if not ensemble.trees and ensemble.line is None:
        raise UsageError(f"{type(model).__name__} has no trees: fit it with one iteration or more")
    numbers = numbers_of(nodes)
    if nodes.gets_sparse and ensemble.lacks_zeros:
        numbers = nodes("Where", nodes("Equal", numbers, 0.0), np.float64(np.nan), numbers)
    given = _with_gaps(nodes, numbers, ensemble)
    if ensemble.questions:
        asked = numbers if ensemble.near_zero is not None else given  # a category 0 is not missing
        given = with_answers(nodes, given, asked, ensemble.questions)
    if ensemble.line is not None:
        known = nodes("Where", nodes("IsNaN", given), 0.0, given)
        sums = nodes.cast(nodes.linear(known, ensemble.line), "float32")  # may be infinite there
        sums = nodes.cast(sums, "float64")
    else:
        sums = _with_slopes(nodes, _sums(nodes, given, ensemble), numbers, ensemble)
    summed = nodes("Add", sums, ensemble.base)
    if is_classifier(model) and nodes.is_asked_for_scores:
        is_binary = len(ensemble.base) == 1
        scores = nodes("Concat", nodes("Neg", summed), summed, axis=1) if is_binary else summed
        nodes.say_class(scores, np.asarray(model.classes_))
        return
    said = LINKS[ensemble.link](nodes, nodes("Mul", summed, ensemble.slope))
    if not is_classifier(model):
        nodes.say_numbers(said)
        return
    if says_several(model):
        nodes.say_as_it_is(nodes.cast(nodes("Greater", said, 0.5), "int64"))
        nodes.say_numbers(said, 1)
        return
    if len(ensemble.base) == 1:
        said = nodes("Concat", nodes("Sub", 1.0, said), said, axis=1)
    nodes.say_class(said, np.asarray(model.classes_))


def _with_gaps(nodes: Nodes, given: str, ensemble: Ensemble) -> str:
    """Return the columns with NaN where a number means a missing value."""
    if ensemble.near_zero is not None:
        missing = nodes("LessOrEqual", nodes("Abs", given), ensemble.near_zero)
    elif ensemble.missing is not None:
        given = nodes.cast(nodes.cast(given, "float32"), "float64")  # as they are compared
        missing = is_missing(nodes, given, float(np.float32(ensemble.missing)))
    else:
        return given
    return nodes("Where", missing, np.float64(np.nan), given)


def _sums(nodes: Nodes, given: str, ensemble: Ensemble) -> str:
    """Return what the leaves add up to: ``float64[batch, targets]``."""
    sums = TreeSum(is_strict=ensemble.is_strict)
    for tree in ensemble.trees:
        leaves, several = np.flatnonzero(tree.branches.left < 0), len(tree.targets)
        weights = tree.values[leaves].ravel()
        counts = weights != 0 if ensemble.sloped else np.full(len(weights), fill_value=True)
        sums.add_branches(
            tree.branches,
            Leaves(
                nodes=leaves.repeat(several)[counts],
                targets=np.tile(tree.targets, len(leaves))[counts],
                weights=weights[counts],
            ),
        )
    return sums.write(
        nodes,
        targets=len(ensemble.base) * (1 + len(ensemble.sloped)),
        given=given,
        compares_float64=ensemble.compares_float64,
    )


def _with_slopes(nodes: Nodes, sums: str, numbers: str, ensemble: Ensemble) -> str:
    """Return sums to which the columns are added that leaves multiply."""
    targets = len(ensemble.base)
    total = nodes.columns(sums, np.arange(targets))
    for place, column in enumerate(ensemble.sloped, 1):
        slopes = nodes.columns(sums, np.arange(targets) + place * targets)
        rises = nodes("Mul", slopes, nodes.column(numbers, column))
        is_flat = nodes("Equal", slopes, 0.0)  # whatever the number is, even none
        total = nodes("Add", total, nodes("Where", is_flat, 0.0, rises))
    return total
