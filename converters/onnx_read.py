"""Reads a ready ONNX model: tensors from the graph, the meaning of outputs from what they say."""

from pathlib import Path, PurePath
from typing import Final

import numpy as np
import onnx
from onnx import inliner

from converters.base import Converted, Request, Rows, Tensors
from converters.graph import check_model, parse_model
from converters.graph_bounds import require_bounded_nodes, require_bounded_work
from converters.meaning import meaning_of
from converters.onnx_feeds import features_of, feeds_for
from converters.onnx_mending import mended
from converters.rows import row_count, take
from converters.runtime import OnnxModel
from converters.silent_onnxruntime import onnxruntime
from edge_contract.errors import UsageError

__all__ = ["read_onnx"]

_MAX_ROWS: Final = 20_000


def read_onnx(request: Request) -> Converted:
    """Return a ready model with what is known about it.

    Raises:
        PackageError: It is damaged, invalid, or keeps weights in other files.
        UsageError: It cannot be read, an input or output is no tensor with a batch axis, or the
            rows do not fit.
    """
    what, data = _bytes_of(request.model)
    proto = parse_model(data, what=what)
    require_bounded_nodes(proto, what=what)
    check_model(proto, what=what)
    require_bounded_work(proto, what=what)
    if proto.functions:  # devices refuse them
        proto = inliner.inline_local_functions(proto)
        data = proto.SerializeToString(deterministic=True)
    right = mended(proto, data, request.rows, what=what)
    model = OnnxModel(right.model, what=what)
    specs = model.inputs

    def feeds(rows: Rows) -> Tensors:
        return feeds_for(specs, rows, what=what)

    some = np.arange(min(row_count(right.rows), _MAX_ROWS))
    said = model.run(feeds(take(right.rows, some)))
    classes = request.classes or right.classes
    meaning = meaning_of(
        right.model, model.outputs, said, classes=classes, labels=request.labels, what=what
    )
    says = right.says or model.run

    def predict(rows: Rows) -> Tensors:
        return meaning.completed(says(feeds(rows)))

    is_as_it_was = right.says is None and meaning.added is None
    return Converted(
        model=meaning.model,
        rows=right.rows,
        inputs=specs,
        outputs=meaning.roles.outputs,
        features=features_of(specs, right.rows),
        task=meaning.roles.task,
        classes=meaning.roles.classes,
        feeds=feeds,
        predict=None if is_as_it_was else predict,
        framework={
            "producer": f"{proto.producer_name} {proto.producer_version}".strip() or "unknown",
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    )


def _bytes_of(model: object) -> tuple[str, bytes]:
    match model:
        case bytes():
            return "the ONNX model", model
        case onnx.ModelProto():
            return "the ONNX model", model.SerializeToString(deterministic=True)
        case str() | PurePath():
            path = Path(model)
            if path.suffix != ".onnx":
                raise UsageError(
                    f"{str(path)!r} is no .onnx file; load other files yourself and give the "
                    "model, or use the command line: edgefleet convert --trust-pickle FILE"
                )
            try:
                return f"{str(path)!r}", path.read_bytes()
            except OSError as error:
                raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
        case _:
            raise UsageError(f"{type(model).__name__} is no ONNX model")
