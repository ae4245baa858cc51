"""Turns a described scikit-learn estimator into ONNX, in every way that rows can be fed to it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Final

import onnx
import skl2onnx
import sklearn
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline

from converters.base import Converted, Rows, Tensors
from converters.graph import (
    OPSETS,
    check_model,
    keep_outputs,
    predict_at_threshold,
    use_fixed_opsets,
)
from converters.runtime import OnnxModel
from converters.sklearn_model import SklearnModel
from converters.sklearn_scalers import SCALERS, scaler_converters
from converters.sklearn_schema import SchemaInput, features_of, feeds_of, schemas_for
from converters.sklearn_trees import Hook, shape_calculators, tree_converters
from converters.table import columns_of
from edge_contract.errors import EdgeError, PackageError, UsageError
from edge_contract.package import OutputRole, OutputSpec, Task

__all__ = ["conversions_of"]

_TENSOR_TYPES: Final = {
    "float32": FloatTensorType,
    "int64": Int64TensorType,
    "string": StringTensorType,
}


def conversions_of(model: SklearnModel, rows: Rows) -> Iterator[Converted]:
    """Yield the conversions that work, the simplest to feed first.

    Raises:
        UsageError: None works; the reason is that of the last way tried, which asks for least.
    """
    found = False
    failure: EdgeError | None = None
    for schema, hooks in product(schemas_for(rows), _hooks(model.estimator)):
        try:
            converted = _converted(model, schema, rows, hooks)
        except EdgeError as error:
            failure = error
            continue
        found = True
        yield converted
    if failure is not None and not found:
        raise failure


def _hooks(estimator: object) -> Iterator[Mapping[type, Hook]]:
    """Yield the repairs to try: those of trees always, those of scalers if there are trees too."""
    trees = tree_converters()
    yield trees
    kinds = {type(part) for part in _parts(estimator)}
    if kinds & set(SCALERS) and any(_is_tree(kind) for kind in kinds):
        yield {**trees, **scaler_converters(single=False)}
        yield {**trees, **scaler_converters(single=True)}


def _is_tree(kind: type) -> bool:
    return kind.__module__.startswith(("sklearn.tree", "sklearn.ensemble"))


def _converted(
    model: SklearnModel, schema: Sequence[SchemaInput], rows: Rows, hooks: Mapping[type, Hook]
) -> Converted:
    what = f"the converted {type(model.source).__name__}"
    proto = _to_onnx(model.estimator, schema, hooks)
    if model.threshold is not None:
        predict_at_threshold(proto, classes=model.classes, threshold=model.threshold)
    use_fixed_opsets(proto)
    keep_outputs(proto, [output.name for output in proto.graph.output[: len(model.answers)]])
    check_model(proto, what=what)
    data = proto.SerializeToString(deterministic=True)
    graph = OnnxModel(data, what=what)
    names = [spec.name for spec in graph.inputs]
    if len(names) != len(schema):
        raise PackageError(f"{what} has inputs {names}, expected {len(schema)} of them")
    outputs = [spec.name for spec in graph.outputs]
    task, roles = model.task, [answer.role for answer in model.answers]
    if task is Task.REGRESSION and not _is_one_number(graph.outputs[0].shape):
        task, roles = Task.OTHER, [OutputRole.OTHER]

    def predict(rows: Rows) -> Tensors:
        return dict(zip(outputs, model.say(rows), strict=False))

    return Converted(
        model=data,
        rows=rows,
        inputs=graph.inputs,
        outputs=tuple(
            OutputSpec(spec, role) for spec, role in zip(graph.outputs, roles, strict=False)
        ),
        features=features_of(schema, columns_of(rows)),
        task=task,
        classes=model.classes,
        threshold=model.threshold,
        feeds=lambda rows: feeds_of(schema, names, rows),
        predict=predict,
        framework={
            "scikit-learn": sklearn.__version__,
            "skl2onnx": skl2onnx.__version__,
            "onnx": onnx.__version__,
        },
        parameters=model.parameters,
    )


def _to_onnx(
    estimator: object, schema: Sequence[SchemaInput], hooks: Mapping[type, Hook]
) -> onnx.ModelProto:
    types = [
        (item.name, _TENSOR_TYPES[item.element_type]([None, len(item.columns)])) for item in schema
    ]
    # the locale of the converting machine is not on every device, the "C" locale is
    texts: dict[int, dict[str, bool | str]] = {
        id(part): {"locale": "C"} for part in _parts(estimator) if _is_vectorizer(part)
    }
    try:
        no_zipmap: dict[int, dict[str, bool | str]] = {id(estimator): {"zipmap": False}}
        return _convert(estimator, types, hooks, options={**texts, **no_zipmap})
    except NameError:  # skl2onnx's way to say that this estimator has no such option
        return _convert(estimator, types, hooks, options=texts)


def _parts(estimator: object) -> Iterator[object]:
    """Yield a fitted estimator and all that are inside it."""
    yield estimator
    if isinstance(estimator, Pipeline | FeatureUnion | ColumnTransformer):
        for name in ("steps", "transformer_list", "transformers_"):
            for step in getattr(estimator, name, ()):
                yield from _parts(step[1])


def _is_vectorizer(part: object) -> bool:
    return isinstance(part, CountVectorizer)  # TfidfVectorizer is one, too


def _convert(
    estimator: object,
    types: list[tuple[str, object]],
    hooks: Mapping[type, Hook],
    *,
    options: Mapping[int, Mapping[str, bool | str]],
) -> onnx.ModelProto:
    try:
        proto: onnx.ModelProto = convert_sklearn(
            estimator,
            name="model",  # without a name it would be random
            initial_types=types,
            options=dict(options),
            target_opset=dict(OPSETS),
            custom_conversion_functions=dict(hooks),
            custom_shape_calculators=shape_calculators(hooks),
        )
    except NameError:
        raise
    except (MissingConverter, MissingShapeCalculator) as error:
        raise UsageError(
            f"cannot convert {type(estimator).__name__}: skl2onnx {skl2onnx.__version__} has no "
            f"converter for {_missing_part(error)}; replace or remove that step"
        ) from error
    except Exception as error:  # converters raise whatever their arithmetic raises
        reason = (str(error).strip().splitlines() or [""])[0].split(" You may raise")[0][:300]
        raise UsageError(
            f"cannot convert {type(estimator).__name__}: {type(error).__name__}: {reason}"
        ) from error
    return proto


def _missing_part(error: Exception) -> str:
    """Return the class that skl2onnx names in its message, without its decoration."""
    found = re.search(r"<class '([^']+)'>", str(error))
    return found.group(1) if found else str(error).splitlines()[0]


def _is_one_number(shape: Sequence[int | str]) -> bool:
    return len(shape) == 1 or list(shape[1:]) == [1]
