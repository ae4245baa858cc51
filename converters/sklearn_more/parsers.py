"""What tells skl2onnx which outputs an estimator has, where its own parser would not find out."""

from collections.abc import Callable

from skl2onnx._parse import _parse_sklearn
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.base import BaseEstimator

from converters.sklearn_more.skl2onnx_types import (
    Operator,
    Scope,
    Variable,
    number_type_of,
    width_of,
)

__all__ = ["class_parser", "numbers_parser", "parser_of_inner", "preparing"]


def parser_of_inner(inner: Callable[[BaseEstimator], BaseEstimator]) -> Callable[..., object]:
    """Return a parser that parses what stands in for an estimator."""

    def parse(
        scope: Scope, model: BaseEstimator, inputs: list[object], custom_parsers: object = None
    ) -> object:
        return _parse_sklearn(scope, inner(model), inputs, custom_parsers=custom_parsers)

    return parse


def class_parser(
    scope: Scope, model: BaseEstimator, inputs: list[Variable], custom_parsers: object = None
) -> list[Variable]:
    """Declare a label and numbers."""
    del custom_parsers  # there is nothing inside
    operator = _operator(scope, model, inputs)
    operator.outputs.append(scope.declare_local_variable("label", Int64TensorType()))
    numbers = number_type_of(operator)()
    operator.outputs.append(scope.declare_local_variable("probabilities", numbers))
    return operator.outputs


def preparing(
    original: Callable[..., object], prepare: Callable[[BaseEstimator], BaseEstimator]
) -> Callable[..., object]:
    """Return a parser that hands a copy of an estimator on to the original one."""

    def parse(
        scope: Scope, model: BaseEstimator, inputs: list[Variable], custom_parsers: object = None
    ) -> object:
        _say_width(inputs, getattr(model, "n_features_in_", None))
        return original(scope, prepare(model), inputs, custom_parsers=custom_parsers)

    return parse


def _say_width(inputs: list[Variable], width: int | None) -> None:
    """Say how many columns a step gets from the one before it, where skl2onnx does not know yet."""
    if len(inputs) == 1 and width is not None and width_of(inputs[0]) is None:
        for kind in (DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType):
            if isinstance(inputs[0].type, kind):
                inputs[0].set_type(kind([None, width]))


def numbers_parser(
    scope: Scope, model: BaseEstimator, inputs: list[Variable], custom_parsers: object = None
) -> list[Variable]:
    """Declare numbers alone."""
    del custom_parsers  # there is nothing inside
    operator = _operator(scope, model, inputs)
    operator.outputs.append(scope.declare_local_variable("variable", number_type_of(operator)()))
    return operator.outputs


def _operator(scope: Scope, model: BaseEstimator, inputs: list[Variable]) -> Operator:
    operator = scope.declare_local_operator(f"Edgefleet{type(model).__name__}", model)
    operator.inputs = inputs
    return operator
