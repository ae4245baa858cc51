"""Turns a described scikit-learn estimator into ONNX, in every way that rows can be fed to it."""

import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Final

import numpy as np
import onnx
import skl2onnx
import sklearn
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.base import is_classifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from converters.base import Converted, Rows, Tensors
from converters.graph import (
    OPSETS,
    check_model,
    flatten_output,
    keep_outputs,
    predict_at_threshold,
    set_width,
    use_fixed_opsets,
    use_float32_outside,
)
from converters.rows import take
from converters.runtime import OnnxModel
from converters.sklearn_model import SklearnModel
from converters.sklearn_more.categories import knows_missing_texts
from converters.sklearn_more.components import IN_ORDER
from converters.sklearn_more.histogram_trees import (
    HISTOGRAMS,
    category_shapes,
)
from converters.sklearn_more.registry import (
    LIBRARIES,
    allowed_options,
    list_loaded_libraries,
    registered,
    shapes,
)
from converters.sklearn_parts import parts_of, with_whole_labels
from converters.sklearn_precision import given_sparse, trees_see_computed
from converters.sklearn_rounding import rounding_of
from converters.sklearn_scalers import SCALERS
from converters.sklearn_schema import (
    Schema,
    features_of,
    feeds_of,
    schemas_for,
    takes_float64,
    why_float64,
)
from converters.sklearn_thresholds import looks_up_numbers, thresholds_of
from converters.sklearn_trees import TREES, shape_calculators
from converters.sklearn_ways import Way, is_tree, rounds_by_itself, ways_of
from converters.table import columns_of
from converters.thresholds import SourceConverted
from edge_contract.errors import EdgeError, PackageError, UsageError
from edge_contract.package import OutputRole, OutputSpec, Task
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["conversions_of"]

_TENSOR_TYPES: Final = {
    "float32": FloatTensorType,
    "float64": DoubleTensorType,
    "int64": Int64TensorType,
    "string": StringTensorType,
}

_WRITTEN: Final = (*TREES, *SCALERS, *IN_ORDER)
"""What skl2onnx's own converters do not write in a graph of float64."""

_VERSIONS: Final = {
    "scikit-learn": sklearn.__version__,
    "skl2onnx": skl2onnx.__version__,
    "onnx": onnx.__version__,
}


def conversions_of(model: SklearnModel, rows: Rows) -> Iterator[Converted]:
    """Yield the conversions that work, the simplest to feed first.

    Raises:
        UsageError: None works; the reason is that of the last way tried, which asks for least,
            or of the last one that says what to do.
    """
    list_loaded_libraries()
    model = model.as_seen(take(rows, np.array([0])))
    found = is_exact = False
    sparses = given_sparse(model.estimator, rows)
    failure: EdgeError | None = None
    has_jumps = trees_see_computed(model.estimator)
    why = "" if rounds_by_itself(model.estimator) else why_float64(rows, has_jumps=has_jumps)
    schemas = schemas_for(rows, wide_first=bool(why))
    for schema, way in product(schemas, ways_of(model.estimator, rows)):
        if is_exact and not way.is_exact:  # it may pass a check on few rows and still be wrong
            continue
        if takes_float64(schema) and not way.keeps_float64:
            continue
        try:
            with registered(nearest=way.is_nearest, singles=way.singles, sparses=sparses):
                converted = _converted(model, schema, rows, way)
        except EdgeError as error:
            if failure is None or not (way.is_wide or _says_less(error, failure)):
                failure = error
            continue
        found, is_exact = True, is_exact or way.is_exact
        yield replace(converted, why_float64=why)
    if failure is not None and not found:
        raise failure


def _says_less(error: EdgeError, known: EdgeError) -> bool:
    """Return whether an error repeats a library's, and another one says what to do."""
    return error.__cause__ is not None and known.__cause__ is None


def _versions(source: object) -> JsonObject:
    """Return the versions of what makes a conversion, and of a booster's own library."""
    found: dict[str, JsonValue] = dict(_VERSIONS)
    for part in parts_of(source):
        library = getattr(part, "library", type(part).__module__.partition(".")[0])
        if library in LIBRARIES:
            found[library] = str(getattr(sys.modules[library], "__version__", "unknown"))
    return found


def _filled_in(source: object) -> Iterator[float]:
    """Yield what is put in for missing numbers: few rows have just this one, and those are given.

    A device's float32 is often another one, but what an imputer puts in is not rounded.
    """
    for part in parts_of(source):
        found = getattr(part, "statistics_", None) if isinstance(part, SimpleImputer) else None
        if isinstance(found, np.ndarray) and found.dtype.kind == "f":
            yield from (float(value) for value in found)


def _knows_missing_texts(part: object) -> bool:
    fill = getattr(part, "statistics_", None) if isinstance(part, SimpleImputer) else None
    return knows_missing_texts(part) or (isinstance(fill, np.ndarray) and fill.dtype.kind in "OU")


def _converted(model: SklearnModel, schema: Schema, rows: Rows, way: Way) -> Converted:
    what = f"the converted {type(model.source).__name__}"
    proto = _to_onnx(model.estimator, schema, way)
    use_float32_outside(proto, inputs=not takes_float64(schema))
    _finish(proto, model, rows)
    check_model(proto, what=what)
    data = proto.SerializeToString(deterministic=True)
    graph = OnnxModel(data, what=what)
    names = [spec.name for spec in graph.inputs]
    if len(names) != len(schema):
        raise PackageError(f"{what} has inputs {names}, expected {len(schema)} of them")
    outputs = [spec.name for spec in graph.outputs]
    task, roles = model.task, [answer.role for answer in model.answers]
    if task is Task.REGRESSION and len(graph.outputs[0].shape) > 1:
        task, roles = Task.OTHER, [OutputRole.OTHER]

    filled = set(_filled_in(model.source))
    looks_up = any(map(looks_up_numbers, parts_of(model.source)))
    has_trees = any(is_tree(type(it)) for it in parts_of(model.source))
    has_jumps = trees_see_computed(model.estimator)

    def predict(rows: Rows) -> Tensors:
        return dict(zip(outputs, model.say(rows), strict=False))

    return SourceConverted(
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
        framework=_versions(model.source),
        parameters=model.parameters,
        thresholds=tuple(it for it in thresholds_of(model.source) if it.value not in filled),
        fills_texts=any(map(_knows_missing_texts, parts_of(model.source))),
        looks_up_numbers=looks_up,
        may_round=not (looks_up or has_trees),
        has_jumps=has_jumps,
        rounding=rounding_of(model.estimator, rows) if has_jumps else 0.0,
    )


def _to_onnx(estimator: object, schema: Schema, way: Way) -> onnx.ModelProto:
    kinds = {**_TENSOR_TYPES, "float32": DoubleTensorType if way.is_wide else FloatTensorType}
    types = [(item.name, kinds[item.element_type]([None, len(item.columns)])) for item in schema]
    options: dict[int, dict[str, bool]] = {}
    for part in parts_of(estimator):
        if isinstance(part, Pipeline):  # skl2onnx would hand its options on to all its steps
            options[id(part)] = {}  # and give one inside another options of its own
        elif "zipmap" in allowed_options(type(part)):
            options[id(part)] = {"zipmap": False}
        elif is_classifier(part):  # else skl2onnx adds an option that this one does not know
            options[id(part)] = {}
    with with_whole_labels(estimator):
        return _convert(estimator, types, way, options=options)


def _convert(
    estimator: object,
    types: list[tuple[str, object]],
    way: Way,
    *,
    options: Mapping[int, Mapping[str, bool]],
) -> onnx.ModelProto:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the libraries tell each other
            proto: onnx.ModelProto = convert_sklearn(
                estimator,
                name="model",  # without a name it would be random
                initial_types=types,
                options=dict(options),
                target_opset=dict(OPSETS),
                custom_conversion_functions=dict(way.hooks),
                custom_shape_calculators={
                    **shape_calculators(way.hooks),
                    **dict.fromkeys(HISTOGRAMS, category_shapes),
                    **dict.fromkeys(_WRITTEN if way.is_wide else (), shapes),
                },
            )
    except EdgeError:
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


def _finish(proto: onnx.ModelProto, model: SklearnModel, rows: Rows) -> None:
    """Make a model say what the source says, in the shapes of a package."""
    if model.threshold is not None:
        predict_at_threshold(proto, classes=model.classes, threshold=model.threshold)
    use_fixed_opsets(proto)
    keep_outputs(proto, [output.name for output in proto.graph.output[: len(model.answers)]])
    _correct_shapes(proto, model, rows)


def _correct_shapes(proto: onnx.ModelProto, model: SklearnModel, rows: Rows) -> None:
    """Give outputs the axes of the source's answers; skl2onnx often does not know them."""
    try:
        said = model.say(take(rows, np.array([0])))
    except ValueError:  # the parity check asks again, and says so
        return
    if model.task is Task.REGRESSION and said[0].ndim == 1:
        flatten_output(proto, proto.graph.output[0].name)
    for output, answer in zip(proto.graph.output, said, strict=False):
        if answer.ndim == 2:
            set_width(output, answer.shape[1])
