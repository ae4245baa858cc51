"""Own converters of scikit-learn estimators, and how skl2onnx gets to know them for a while.

To add one: write a file beside this one whose function is decorated with :func:`converts`, and add
its import line to ``converters/sklearn_more/__init__.py``. The sweep in
``tests/converters/test_breadth.py`` then judges it.
"""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import numpy as np
from skl2onnx import _parse, _supported_operators, update_registered_converter
from skl2onnx._parse import sklearn_parsers_map
from skl2onnx.common import _registration
from skl2onnx.common.data_types import Int64TensorType, StringTensorType
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.compose import ColumnTransformer

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.parsers import (
    class_parser,
    keeping_texts_apart,
    numbers_parser,
    parser_of_inner,
    preparing,
)
from converters.sklearn_more.several import says_several
from converters.sklearn_more.skl2onnx_types import (
    Container,
    Operator,
    Scope,
    gets_texts,
    number_type_of,
)

__all__ = [
    "CONVERTERS",
    "LIBRARIES",
    "STAND_INS",
    "Write",
    "allowed_options",
    "converts",
    "hook_of",
    "list_loaded_libraries",
    "prepared",
    "registered",
    "shapes",
    "stands_in",
]

Write: TypeAlias = Callable[[Nodes, BaseEstimator], None]
"""Writes the nodes of a fitted estimator and makes its outputs."""

CONVERTERS: Final[dict[type, Write]] = {}
"""What computes an estimator's answers, by its class."""

TRANSFORMS: Final[set[type]] = set()
"""Those of them that give numbers alone, though skl2onnx expects a label of their kind."""

STAND_INS: Final[dict[type, Callable[[BaseEstimator], BaseEstimator]]] = {}
"""What says the same as an estimator and can be converted in its place, by its class."""

PREPARED: Final[dict[type, Callable[[BaseEstimator], BaseEstimator]]] = {}
"""What gives skl2onnx an estimator in a form that it understands, by its class."""

LIBRARIES: Final = {
    "catboost": "converters.sklearn_more.catboost_trees",
    "lightgbm": "converters.sklearn_more.lightgbm_trees",
    "xgboost": "converters.sklearn_more.xgboost_trees",
}
"""Converters for libraries that need not be installed: who has their models has imported them."""

_LOCK: Final = threading.RLock()
_OF_NETWORKS: Final = "SklearnMLPClassifier"
"""How skl2onnx calls classifiers whose several labels it takes for one."""

KEEP_TEXTS: Final[set[type]] = set()
"""Those of them that give texts if they get texts."""

BY_COLUMN: Final[set[type]] = set()
"""Those of them whose columns may not be put together, because they differ in type."""

KEEP_PARSERS: Final[set[type]] = set()
"""Those of them whose outputs skl2onnx's own parser knows."""


def converts(
    *kinds: type,
    numbers_only: bool = False,
    keeps_texts: bool = False,
    keeps_parser: bool = False,
    by_column: bool = False,
) -> Callable[[Write], Write]:
    """List a function as the converter of estimators of these classes.

    Args:
        kinds: The classes.
        numbers_only: Whether they give numbers and no label, though they are clusterings.
        keeps_texts: Whether they give texts if they get texts.
        keeps_parser: Whether skl2onnx's own parser makes the outputs that are wanted.
        by_column: Whether they take columns of several types side by side.
    """

    def listed(write: Write) -> Write:
        CONVERTERS.update(dict.fromkeys(kinds, write))
        TRANSFORMS.update(kinds if numbers_only else ())
        KEEP_TEXTS.update(kinds if keeps_texts else ())
        KEEP_PARSERS.update(kinds if keeps_parser else ())
        BY_COLUMN.update(kinds if by_column else ())
        return write

    return listed


def stands_in(
    *kinds: type,
) -> Callable[[Callable[[BaseEstimator], BaseEstimator]], Callable[[BaseEstimator], BaseEstimator]]:
    """List a function that returns what is converted in place of such an estimator."""

    def listed(
        inner: Callable[[BaseEstimator], BaseEstimator],
    ) -> Callable[[BaseEstimator], BaseEstimator]:
        STAND_INS.update(dict.fromkeys(kinds, inner))
        return inner

    return listed


def prepared(
    kind: type,
) -> Callable[[Callable[[BaseEstimator], BaseEstimator]], Callable[[BaseEstimator], BaseEstimator]]:
    """List a function that returns a copy of such an estimator, as skl2onnx understands it."""

    def listed(
        prepare: Callable[[BaseEstimator], BaseEstimator],
    ) -> Callable[[BaseEstimator], BaseEstimator]:
        PREPARED[kind] = prepare
        return prepare

    return listed


def allowed_options(kind: type) -> frozenset[str]:
    """Return the options that skl2onnx knows for an estimator's class, while it is registered."""
    alias = _supported_operators.sklearn_operator_name_map.get(kind)
    converter = _registration._converter_pool.get(alias)
    return frozenset(() if converter is None else converter.get_allowed_options() or ())


def list_loaded_libraries() -> None:
    """List the converters of libraries beside scikit-learn that the caller has imported."""
    for library, converters_of_it in LIBRARIES.items():
        if library in sys.modules:
            importlib.import_module(converters_of_it)


@contextmanager
def registered(
    *,
    nearest: bool = False,
    singles: frozenset[int] = frozenset(),
    sparses: frozenset[int] = frozenset(),
) -> Iterator[None]:
    """Let skl2onnx use our converters; afterwards it is as it was, for whoever else uses it.

    Args:
        nearest: See :meth:`converters.sklearn_more.nodes.Nodes.edges`.
        singles: The ids of transformers whose results are rounded to float32.
        sparses: The ids of estimators that are given sparse tables.
    """
    pools: tuple[dict[object, object], ...] = (
        _supported_operators.sklearn_operator_name_map,
        _registration._converter_pool,
        _registration._shape_calculator_pool,
        sklearn_parsers_map,
    )
    with _LOCK:
        before = [dict(pool) for pool in pools]
        apart = _parse.do_not_merge_columns
        _parse.do_not_merge_columns = (*apart, *BY_COLUMN)
        try:
            for kind, write in CONVERTERS.items():
                hook = hook_of(write, nearest=nearest, singles=singles, sparses=sparses)
                _register(kind, shapes, hook, parser=_parser_of(kind))
            pools[2][_OF_NETWORKS] = _several_or(before[2][_OF_NETWORKS])
            parsers = sklearn_parsers_map
            parsers[ColumnTransformer] = keeping_texts_apart(parsers[ColumnTransformer])
            for kind, prepare in PREPARED.items():
                parsers[kind] = preparing(parsers[kind], prepare)
            for kind, inner in STAND_INS.items():
                _register(kind, shapes, hook_of(_asking(inner)), parser=parser_of_inner(inner))
            yield
        finally:
            _parse.do_not_merge_columns = apart
            for pool, entries in zip(pools, before, strict=True):
                pool.clear()
                pool.update(entries)


def _several_or(original: object) -> Callable[[Operator], None]:
    """Return what sets the types of outputs, also where there are several labels of a row."""

    def calculate(operator: Operator) -> None:
        if says_several(operator.raw_operator):
            shapes(operator)
        elif callable(original):
            original(operator)

    return calculate


def _register(
    kind: type,
    shapes: Callable[[Operator], None],
    hook: Callable[[Scope, Operator, Container], None],
    *,
    parser: Callable[..., object] | None = None,
) -> None:
    names = {base.__name__ for base in kind.__mro__}
    options: dict[str, list[bool]] | None = None
    if parser is class_parser or ("ClassifierMixin" in names and parser is None):
        options = {name: [True, False] for name in ("zipmap", "nocl", "raw_scores")}
    elif "OutlierMixin" in names or kind in KEEP_PARSERS:
        options = {"score_samples": [False]}
    update_registered_converter(
        kind, f"Edgefleet{kind.__name__}", shapes, hook, parser=parser, options=options
    )
    if options is None and parser is None:  # skl2onnx's own parser may expect other outputs
        sklearn_parsers_map.pop(kind, None)


def hook_of(
    write: Write,
    *,
    nearest: bool = False,
    singles: frozenset[int] = frozenset(),
    sparses: frozenset[int] = frozenset(),
) -> Callable[[Scope, Operator, Container], None]:
    """Return what skl2onnx calls to write an estimator; for the arguments see `registered`."""

    def convert(scope: Scope, operator: Operator, container: Container) -> None:
        model = operator.raw_operator
        single = id(getattr(model, "predictor", model)) in singles  # of a transforming predictor
        nodes = Nodes(
            scope,
            operator,
            container,
            nearest=nearest,
            single=single,
            gets_sparse=id(model) in sparses,
        )
        write(nodes, model)

    return convert


def _asking(inner: Callable[[BaseEstimator], BaseEstimator]) -> Write:
    def write(nodes: Nodes, model: BaseEstimator) -> None:
        said = nodes.ask(inner(model))
        for position in range(len(nodes.outputs)):
            nodes.say_as_it_is(said[position], position)

    return write


def _parser_of(kind: type) -> Callable[..., object] | None:
    """Return what tells skl2onnx which outputs a class has, where it would not find out."""
    if kind in TRANSFORMS:
        return numbers_parser
    is_classifier = getattr(kind, "_estimator_type", "") == "classifier"
    return class_parser if is_classifier and not issubclass(kind, ClassifierMixin) else None


def shapes(operator: Operator) -> None:
    """Set the types of the outputs: numbers, or a label and numbers."""
    numbers = number_type_of(operator)
    outputs = operator.outputs
    if type(operator.raw_operator) in KEEP_TEXTS and gets_texts(operator):
        outputs[0].set_type(StringTensorType([None, None]))
        return
    if len(outputs) == 1:
        outputs[0].set_type(numbers([None, None]))
        return
    labels = _labels_of(operator.raw_operator)
    is_text = labels is not None and labels.dtype.kind in "OU"
    several = says_several(operator.raw_operator)
    kind = StringTensorType if is_text else Int64TensorType
    outputs[0].set_type(kind([None, None] if several else [None]))
    outputs[1].set_type(numbers([None, None]))


def _labels_of(model: object) -> "np.ndarray[tuple[int, ...], np.dtype[np.generic]] | None":
    if not is_classifier(model):
        return None
    found = getattr(model, "classes_", None)
    return np.asarray(found[0] if isinstance(found, list) else found)
