"""What is done about every exporter: it is kept quiet, and its notes are removed from the file."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from io import StringIO
from typing import Final

from onnx import GraphProto, ModelProto, ValueInfoProto, inliner

from converters.graph import check_model, use_fixed_opsets
from converters.runtime import BATCH
from edge_contract.errors import PackageError, UsageError

__all__ = ["quietly", "tidied"]

_BUILT_IN: Final = ("", "ai.onnx")
_ABOVE_ALL: Final = logging.CRITICAL + 1


@contextmanager
def quietly(*loggers: str) -> Iterator[None]:
    """While entered, keeps what an exporter logs, warns of and prints from people.

    What goes wrong is raised, and what comes out is checked, so none of it is lost.
    """
    with ExitStack() as stack:
        for name in loggers:
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(_ABOVE_ALL)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(redirect_stdout(StringIO()))
        yield


def tidied(model: ModelProto, *, what: str) -> bytes:
    """Return a model in the form that all packages have.

    Functions are inlined, the first axis of inputs and outputs is called ``batch``, operator sets
    are fixed, and what tells of the machine that it was exported on is gone.

    Raises:
        UsageError: It is no valid model.
    """
    if model.functions:
        model = inliner.inline_local_functions(model)
    for value in (*model.graph.input, *model.graph.output):
        _name_batch(value)
    _forget(model.graph)
    del model.metadata_props[:]
    model.doc_string = ""
    model.graph.name = model.graph.name or "model"
    used = {node.domain for node in model.graph.node}
    kept = [it for it in model.opset_import if it.domain in _BUILT_IN or it.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    use_fixed_opsets(model)
    try:
        check_model(model, what=f"the export of {what}")
    except PackageError as error:
        raise UsageError(str(error)) from error
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _name_batch(value: ValueInfoProto) -> None:
    axes = value.type.tensor_type.shape.dim
    if axes and not axes[0].HasField("dim_value"):
        axes[0].dim_param = BATCH


def _forget(graph: GraphProto) -> None:
    """Remove notes on where each step comes from: they hold source code and paths."""
    del graph.metadata_props[:]
    del graph.value_info[:]
    graph.doc_string = ""
    for held in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del held.metadata_props[:]
        held.doc_string = ""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _forget(attribute.g)
            for inner in attribute.graphs:
                _forget(inner)
