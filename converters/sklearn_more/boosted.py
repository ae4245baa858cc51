"""Ensembles of boosted trees as their libraries keep them, and their ONNX nodes.

Each library has a file that reads its models into an :class:`Ensemble`; what happens to a sum of
leaves afterwards is the same for all of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from converters.sklearn_more.trees import float32_at_most
from converters.thresholds import Threshold
from edge_contract.errors import UsageError

__all__ = ["READERS", "BoostedTree", "Ensemble", "Read", "ensemble_thresholds", "reads"]


class BoostedTree(NamedTuple):
    """A tree; all arrays are by node, of which 0 is the root.

    Attributes:
        target: The column of the answer that it adds to.
        features: Which column a node looks at.
        thresholds: What it is compared with.
        missing_left: Whether missing values go left.
        left: The next node; negative in leaves.
        right: The other next node.
        values: What a leaf adds.
    """

    target: int
    features: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """A sum of trees, and what is made of it.

    Attributes:
        trees: At least one.
        base: What is added to the sums, by target.
        link: What is made of the sums; a key of the links below.
        slope: What sums are multiplied with before a logistic link.
        is_strict: Whether smaller values go left, and not equal ones.
        missing: The number that means a missing value, beside NaN.
        missing_radius: How far from it numbers still mean one.
    """

    trees: tuple[BoostedTree, ...]
    base: NDArray[np.float64]
    link: str
    slope: float = 1.0
    is_strict: bool = False
    missing: float | None = None
    missing_radius: float = 0.0


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
    """Yield what the trees of an estimator compare its columns with; nothing if it has none."""
    read = READERS.get(type(estimator))
    if read is None or not _is_fitted(estimator):
        return
    for tree in read(estimator).trees:
        is_split = tree.left >= 0
        pairs = zip(tree.features[is_split], tree.thresholds[is_split], strict=True)
        yield from (Threshold(int(column), float(value)) for column, value in pairs)


def _is_fitted(estimator: object) -> bool:
    """Whether an estimator is fitted; others keep a copy of what they were made of."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _write(nodes: Nodes, model: BaseEstimator, ensemble: Ensemble) -> None:
    if not ensemble.trees:
        raise UsageError(f"{type(model).__name__} has no trees: fit it with one iteration or more")
    given = nodes.x
    if ensemble.missing is not None:
        away = nodes("Abs", nodes("Sub", given, ensemble.missing))
        is_missing = nodes("LessOrEqual", away, ensemble.missing_radius)
        given = nodes("Where", is_missing, np.float64(np.nan), given)
    summed = nodes("Add", _sums(nodes, given, ensemble), ensemble.base)
    if is_classifier(model) and nodes.is_asked_for_scores:
        is_binary = len(ensemble.base) == 1
        scores = nodes("Concat", nodes("Neg", summed), summed, axis=1) if is_binary else summed
        nodes.say_class(scores, np.asarray(model.classes_))
        return
    said = _LINKS[ensemble.link](nodes, nodes("Mul", summed, ensemble.slope))
    if not is_classifier(model):
        nodes.say_numbers(said)
        return
    if len(ensemble.base) == 1:
        said = nodes("Concat", nodes("Sub", 1.0, said), said, axis=1)
    nodes.say_class(said, np.asarray(model.classes_))


def _sums(nodes: Nodes, given: str, ensemble: Ensemble) -> str:
    """Return what the leaves add up to: ``float64[batch, targets]``."""
    attributes: dict[str, list[int | float | str]] = defaultdict(list)
    for number, tree in enumerate(ensemble.trees):
        edges = float32_at_most(nodes.edges(tree.thresholds))
        for node in range(len(tree.left)):
            is_leaf = bool(tree.left[node] < 0)
            values: dict[str, int | float | str] = {
                "nodes_treeids": number,
                "nodes_nodeids": node,
                "nodes_modes": _mode(is_leaf=is_leaf, is_strict=ensemble.is_strict),
                "nodes_featureids": 0 if is_leaf else int(tree.features[node]),
                "nodes_values": 0.0 if is_leaf else float(edges[node]),
                "nodes_truenodeids": 0 if is_leaf else int(tree.left[node]),
                "nodes_falsenodeids": 0 if is_leaf else int(tree.right[node]),
                "nodes_missing_value_tracks_true": int(not is_leaf and tree.missing_left[node]),
            }
            if is_leaf:
                values |= {
                    "target_ids": tree.target,
                    "target_weights": float(tree.values[node]),
                    "target_treeids": number,
                    "target_nodeids": node,
                }
            for name, value in values.items():
                attributes[name].append(value)
    summed = nodes(
        "TreeEnsembleRegressor",
        nodes.cast(given, "float32"),
        domain="ai.onnx.ml",
        n_targets=len(ensemble.base),
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes,
    )
    return nodes.cast(summed, "float64")


def _mode(*, is_leaf: bool, is_strict: bool) -> str:
    if is_leaf:
        return "LEAF"
    return "BRANCH_LT" if is_strict else "BRANCH_LEQ"


def _signed_square(nodes: Nodes, value: str) -> str:
    return nodes("Mul", value, nodes("Abs", value))


def _log1p_exp(nodes: Nodes, value: str) -> str:
    return nodes("Log", nodes("Add", nodes("Exp", value), 1.0))


_LINKS: Final[dict[str, Callable[[Nodes, str], str]]] = {
    "identity": lambda _, value: value,
    "logistic": lambda nodes, value: nodes("Sigmoid", value),
    "softmax": lambda nodes, value: nodes.softmax(value),
    "exp": lambda nodes, value: nodes("Exp", value),
    "signed square": _signed_square,
    "log1p exp": _log1p_exp,
    "step": lambda nodes, value: nodes.cast(nodes("Greater", value, 0.0), "float64"),
}
