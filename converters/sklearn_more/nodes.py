"""Writes the ONNX nodes of one estimator, in float64 throughout.

scikit-learn computes in float64, and so do these nodes: sums of squares, kernels and differences of
large numbers would lose too many digits in float32. What goes in and out keeps its own type.
"""

import copy
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from skl2onnx._parse import _parse_sklearn
from skl2onnx.common.data_types import DoubleTensorType, Int64TensorType, StringTensorType

from converters.sklearn_more.constants import Value, constant_of
from converters.sklearn_more.skl2onnx_types import (
    Container,
    Operator,
    Scope,
    gets_texts,
    gets_whole_numbers,
    number_type_of,
    width_of,
)
from edge_contract.errors import UsageError

__all__ = ["Nodes"]

_TYPES: Final = {
    "float64": TensorProto.DOUBLE,
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}


class Nodes:
    """Adds nodes for one estimator; every method returns the name of what it computed.

    Args:
        scope: Of skl2onnx.
        operator: The estimator's.
        container: Where the nodes go.
        nearest: See :meth:`edges`.
        single: Whether the estimator itself computes in float32, so that what comes out is rounded.
        gets_sparse: Whether the estimator itself is given sparse tables.
    """

    def __init__(
        self,
        scope: Scope,
        operator: Operator,
        container: Container,
        *,
        nearest: bool = False,
        single: bool = False,
        gets_sparse: bool = False,
    ) -> None:
        self._nearest = nearest
        self._single = single
        self.gets_sparse = gets_sparse
        self._scope = scope
        self._operator = operator
        self._container = container
        self._x = ""
        self._texts: set[str] = set()

    @property
    def is_wide(self) -> bool:
        """Whether numbers of float64 come in and go out."""
        return self._numbers is DoubleTensorType

    @property
    def x(self) -> str:
        """All inputs side by side: ``float64[batch, columns]``."""
        if not self._x:
            parts = [self.cast(it.full_name, "float64") for it in self._operator.inputs]
            self._x = parts[0] if len(parts) == 1 else self("Concat", *parts, axis=1)
        return self._x

    @property
    def inputs(self) -> list[str]:
        """The inputs as they come."""
        return [it.full_name for it in self._operator.inputs]

    @property
    def gets_texts(self) -> bool:
        """Whether the inputs are texts."""
        return gets_texts(self._operator)

    @property
    def input_kinds(self) -> list[str]:
        """What each of the inputs holds: ``text``, ``whole`` or ``number``."""
        kinds = {StringTensorType: "text", Int64TensorType: "whole"}
        return [kinds.get(type(it.type), "number") for it in self._operator.inputs]

    @property
    def gets_texts_only(self) -> bool:
        """Whether all inputs are texts."""
        return all(isinstance(it.type, StringTensorType) for it in self._operator.inputs)

    @property
    def gets_whole_numbers(self) -> bool:
        """Whether all inputs are whole numbers, of which none is rounded."""
        return gets_whole_numbers(self._operator)

    def is_text(self, name: str) -> bool:
        """Whether a tensor is one of the inputs, or one of their columns, and holds texts."""
        return name in self._texts

    def column_as_it_is(self, index: int) -> str:
        """Return a column in its own element type, however the columns come: ``[batch, 1]``."""
        return self.kind_and_column(index)[1]

    def kind_and_column(self, index: int) -> tuple[str, str]:
        """Return what a column holds, as :attr:`input_kinds`, and the column as it is."""
        place = index
        for kind, given in zip(self.input_kinds, self._operator.inputs, strict=True):
            width = width_of(given)
            if width is None or place < width:
                name = given.full_name
                name = name if width == 1 else self.column(name, place)
                self._texts |= {name} if kind == "text" else set()
                return kind, name
            place -= width
        raise UsageError(
            f"{type(self._operator.raw_operator).__name__} looks at column {index}, but is given "
            f"{index - place} columns"
        )

    @property
    def outputs(self) -> list[str]:
        """What has to be made."""
        return [it.full_name for it in self._operator.outputs]

    @property
    def is_asked_for_scores(self) -> bool:
        """Whether whoever asks a classifier wants sums in place of probabilities."""
        options = self._container.get_options(self._operator.raw_operator, fail=False)
        return bool(options.get("raw_scores", False))

    def __call__(self, kind: str, *inputs: Value, domain: str = "", **attributes: object) -> str:
        """Add a node of one output."""
        result = self.name(kind.lower())
        self.write(kind, inputs, [result], domain=domain, **attributes)
        return result

    def name(self, seed: str) -> str:
        """Return a name that no tensor has."""
        return self._scope.get_unique_variable_name(seed)

    def write(
        self,
        kind: str,
        inputs: Sequence[Value],
        outputs: list[str],
        *,
        domain: str = "",
        **attributes: object,
    ) -> None:
        """Add a node whose outputs are named."""
        self._container.add_node(
            kind,
            [self.constant(value) for value in inputs],
            outputs,
            op_domain=domain,
            name=self._scope.get_unique_operator_name(kind),
            **attributes,
        )

    def constant(self, value: Value) -> str:
        """Return the name of a constant; a name stays as it is."""
        if isinstance(value, str):
            return value
        kind, shape, content = constant_of(value)
        name = self.name("constant")
        self._container.add_initializer(name, kind, shape, content)
        return name

    def cast(self, value: str, kind: str) -> str:
        """Return a tensor in another element type."""
        return self("Cast", value, to=_TYPES[kind])

    def rounded(self, value: str) -> str:
        """Return a tensor of float64 rounded to float32, if the estimator itself does so."""
        return self.cast(self.cast(value, "float32"), "float64") if self._single else value

    def edges(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return values that given ones are compared with.

        They are exact, or rounded to float32 as given ones of float64 have been: then those that
        were equal still are.
        """
        exact = np.asarray(values, dtype=np.float64)
        return exact.astype(np.float32).astype(np.float64) if self._nearest else exact

    def beside_edges(self, value: str) -> str:
        """Return numbers, ``float64``, that are compared with :meth:`edges`: rounded as they are.

        Given ones are already; those that a step has put in, as an imputer does, need not be.
        """
        return self.cast(self.cast(value, "float32"), "float64") if self._nearest else value

    def for_every_row(self, values: NDArray[np.generic]) -> str:
        """Return the same for every row.

        Args:
            values: ``[1, columns]``.

        Returns:
            ``float64[batch, columns]``.
        """
        rows = self("Shape", self.inputs[0], start=0, end=1)
        shape = self("Concat", rows, np.array([values.shape[1]]), axis=0)
        return self("Expand", np.asarray(values, dtype=np.float64), shape)

    def total(self, value: str, *, axis: int = 1, keep: bool = True) -> str:
        """Return sums along an axis, which keeps the length 1: ``float64[batch, 1]`` of a table.

        Args:
            value: The name of a tensor of numbers.
            axis: Counted from 0, the batch.
            keep: Whether the axis stays; else ``[batch]`` of a table.
        """
        return self("ReduceSum", value, np.array([axis]), keepdims=int(keep))

    def mean(self, values: Sequence[str]) -> str:
        """Return the mean, element by element, of one or more tensors of one shape of float64."""
        total = values[0]
        for value in values[1:]:
            total = self("Add", total, value)
        return self("Div", total, float(len(values)))

    def column(self, value: str, index: int) -> str:
        """Return one column of ``[batch, columns]``: ``[batch, 1]`` of the same element type."""
        return self("Gather", value, np.array([index]), axis=1)

    def columns(self, value: str, indices: NDArray[np.generic]) -> str:
        """Return columns of ``[batch, columns]`` by their places: ``[batch, len(indices)]``."""
        return self("Gather", value, np.asarray(indices, dtype=np.int64), axis=1)

    def linear(self, value: str, weights: NDArray[np.generic], bias: Value = 0.0) -> str:
        """Return ``value @ weights + bias``: ``float64[batch, outputs]``.

        Args:
            value: The name of a ``float64[batch, inputs]``.
            weights: ``[inputs, outputs]``.
            bias: A number, ``[outputs]``, or the name of a tensor.
        """
        product = self("MatMul", value, np.asarray(weights, dtype=np.float64))
        if isinstance(bias, float) and bias == 0.0:
            return product
        return self("Add", product, bias if isinstance(bias, str) else np.asarray(bias) * 1.0)

    def nearest(self, distances: str) -> str:
        """Return, per row, the index of the smallest value: ``int64[batch]``."""
        return self("ArgMin", distances, axis=1, keepdims=0)

    def largest(self, scores: str) -> str:
        """Return, per row, the index of the first largest value: ``int64[batch]``."""
        return self("ArgMax", scores, axis=1, keepdims=0)

    def softmax(self, scores: str) -> str:
        """Return probabilities, by row, of log-likelihoods; both ``float64[batch, classes]``."""
        return self("Softmax", scores, axis=1)

    def ask(self, estimator: object, value: str = "", **options: bool) -> list[str]:
        """Convert an inner estimator and return its outputs, in their own element types.

        Args:
            estimator: Fitted.
            value: What it is given, ``[batch, columns]``; by default what this one is given.
            options: Of skl2onnx, for this estimator.
        """
        if options:  # of a copy: it may be asked for something else, too
            estimator = copy.copy(estimator)
            options = {"zipmap": False, **options}
            self._scope.add_options(id(estimator), options)
            self._container.add_options(id(estimator), options)
        inputs = list(self._operator.inputs)
        if value:
            width = getattr(estimator, "n_features_in_", None)
            given = self._scope.declare_local_variable("given", self._numbers([None, width]))
            self.write("Cast", [value], [given.onnx_name], to=self._number_proto)
            inputs = [given]
        outputs = _parse_sklearn(self._scope, estimator, inputs)
        return [output.onnx_name for output in outputs]

    def say_numbers(self, value: str, output: int = 0) -> None:
        """Make an output of numbers of what was computed."""
        name = self._operator.outputs[output].full_name
        value = self.rounded(value)
        self.write("Cast", [value], [name], to=self._number_proto)

    def say_labels(self, indices: str, labels: NDArray[np.generic]) -> None:
        """Make the first output the labels at some indices, ``int64[batch]``."""
        if labels.dtype.kind not in "biufOU":
            raise UsageError(f"labels of type {labels.dtype} cannot be converted")
        kept = labels.astype(np.int64) if labels.dtype.kind in "biuf" else labels
        self.write("Gather", [kept, indices], [self._operator.outputs[0].full_name], axis=0)

    def say_class(self, scores: str, labels: NDArray[np.generic]) -> None:
        """Say the label with the largest score, and the scores."""
        self.say_labels(self.largest(scores), labels)
        self.say_numbers(scores, 1)

    def say_as_it_is(self, value: str, output: int = 0) -> None:
        """Make an output of a tensor that has its element type."""
        self.write("Identity", [value], [self._operator.outputs[output].full_name])

    @property
    def _numbers(self) -> type:
        return number_type_of(self._operator)

    @property
    def _number_proto(self) -> int:
        return _TYPES["float64" if self._numbers is DoubleTensorType else "float32"]
