"""What tells skl2onnx which outputs an estimator has, where its own parser would not find out."""

from collections.abc import Callable, Iterator

from skl2onnx._parse import _parse_sklearn
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer

from converters.sklearn_more.skl2onnx_types import (
    Operator,
    Scope,
    Variable,
    number_type_of,
    set_width,
    width_of,
)

__all__ = ["class_parser", "keeping_texts_apart", "numbers_parser", "parser_of_inner", "preparing"]


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


def keeping_texts_apart(original: Callable[..., list[Variable]]) -> Callable[..., object]:
    """Return a parser that leaves texts and numbers side by side, which skl2onnx would merge."""

    def parse(
        scope: Scope, model: BaseEstimator, inputs: list[Variable], custom_parsers: object = None
    ) -> object:
        outputs = original(scope, model, inputs, custom_parsers=custom_parsers)
        made = {id(it) for it in outputs}
        operators = scope.operators.values()
        merging = next((it for it in operators if made & {id(one) for one in it.outputs}), None)
        if merging is None or merging.type != "SklearnConcat":
            return outputs
        parts = list(merging.inputs)
        if len({isinstance(it.type, StringTensorType) for it in parts}) == 1:
            return outputs
        del scope.operators[merging.onnx_name]
        for part, width in zip(parts, _widths(model), strict=True):
            set_width(part, width)
            part.operators_inputs_ = [it for it in part.operators_inputs_ if it is not merging]
        return parts

    return parse


def _widths(model: ColumnTransformer) -> Iterator[int]:
    """Yield how many columns each part of a table makes; what passes through makes one."""
    for name, part, columns in model.transformers_:
        is_dropped = isinstance(part, str) and part == "drop"
        if not is_dropped and len(columns):
            made = model.output_indices_.get(name, slice(0, 1))
            yield made.stop - made.start


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
