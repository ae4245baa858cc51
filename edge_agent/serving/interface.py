"""A model's interface, as the protocol describes it and as requests have to fit it."""

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import orjson

from edge_agent.adapters.values import dtype_of
from edge_agent.serving.refused import RefusedError
from edge_agent.serving.request import WantedOutput
from edge_agent.serving.tensors import datatype_of, protocol_type
from edge_contract.package import Manifest, OutputRole, Task, TensorSpec

if TYPE_CHECKING:
    from edge_agent.ports import Tensor
    from edge_agent.prediction import Prediction

__all__ = ["ModelInterface"]

_LABEL: Final = "label"
_MAX_HEADS: Final = 1000


class ModelInterface:
    """What one version takes and gives.

    A classifier always gives its labels as the author wrote them, also where the graph gives only
    probabilities: then as an output ``label``.

    Args:
        manifest: Of the version.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.files = "" if manifest.image is None else manifest.image.tensor
        """Name of the input that takes files of pictures as ``BYTES`` too; empty for none."""
        self._dtypes = [(spec, dtype_of(spec.element_type)) for spec in manifest.inputs]
        self._input_names = [spec.name for spec in manifest.inputs]
        self._known = {*self._input_names, *(feature.name for feature in manifest.features)}
        self._label, extra = _label_of(manifest)
        self.outputs = (*(output.tensor for output in manifest.outputs), *extra)
        self._everything = [WantedOutput(spec.name, None) for spec in self.outputs]
        self._names = {spec.name for spec in self.outputs}
        self._tensor_names = [output.tensor.name for output in manifest.outputs]
        self._heads: dict[tuple[str, np.dtype[np.generic], tuple[int, ...]], bytes] = {}
        self._is_joinable = all(
            spec.shape and isinstance(spec.shape[0], str)
            for spec in (*manifest.inputs, *self.outputs)
        )
        name, version = orjson.dumps(manifest.name), orjson.dumps(manifest.version)
        self.answer_head = b'{"model_name":%b,"model_version":%b,' % (name, version)
        """With what every answer begins, as JSON."""
        self.metadata = orjson.dumps(self._metadata())
        """What a client is told of the model, as JSON."""

    def joining_key(self, tensors: "Mapping[str, Tensor]") -> Hashable | None:
        """Return what requests must share for their rows to be joined into one call.

        ``None`` for one that has to be predicted alone, perhaps because it does not fit: then the
        agent says why, or another version takes it.
        """
        if not self._is_joinable or len(tensors) != len(self._dtypes):
            return None
        rows = -1
        shapes: list[tuple[int, ...]] = []
        for spec, dtype in self._dtypes:
            tensor = tensors.get(spec.name)
            if tensor is None or tensor.dtype != dtype:
                return None
            if tensor.shape[1:] != spec.shape[1:] and not _fits(tensor.shape, spec.shape):
                return None
            if len(tensor) == 0 or rows not in (-1, len(tensor)):
                return None
            rows = len(tensor)
            shapes.append(tensor.shape[1:])
        return tuple(shapes)

    def rows_of(self, tensors: "Mapping[str, Tensor]") -> "Tensor | Mapping[str, Tensor]":
        """Return tensors as ``predict`` takes them.

        Raises:
            RefusedError: There is one that the model does not have, beside all that it has.
        """
        names = self._input_names
        if not tensors.keys() >= set(names):
            return tensors
        unknown = None if len(tensors) == len(names) else self.unknown(tensors)
        if unknown is not None:
            raise unknown
        return tensors[names[0]] if len(names) == 1 else tensors

    def unknown(self, tensors: "Mapping[str, Tensor]") -> RefusedError | None:
        """Return what to say of a tensor that the model does not have, if there is one."""
        names = sorted(tensors.keys() - self._known)
        if not names:
            return None
        return RefusedError.bad(
            f"model {self.manifest.reference!r} has no input {names[0]!r}: its inputs are "
            f"{', '.join(self._input_names)}"
        )

    def wanted(self, outputs: Sequence[WantedOutput]) -> Sequence[WantedOutput]:
        """Return what to answer with; raises ``RefusedError`` for an output that is not there."""
        for output in outputs:
            if output.name not in self._names:
                raise RefusedError.bad(
                    f"model {self.manifest.reference!r} has no output {output.name!r}: its outputs "
                    f"are {', '.join(spec.name for spec in self.outputs)}"
                )
        return outputs or self._everything

    def tensors_of(self, prediction: "Prediction") -> "Mapping[str, Tensor]":
        """Return all outputs of a prediction of this version."""
        tensors = dict(zip(self._tensor_names, prediction.tensors, strict=True))
        if self._label and prediction.labels is not None:
            labels, given = prediction.labels, tensors.get(self._label)
            if given is not None and given.shape != labels.shape:
                labels = labels.reshape(given.shape)
            tensors[self._label] = labels
        return tensors

    def output_head(self, name: str, tensor: "Tensor") -> bytes:
        """Return what an answer says of an output before its values, as JSON."""
        key = name, tensor.dtype, tensor.shape
        head = self._heads.get(key)
        if head is None:
            datatype, shape = datatype_of(tensor).encode(), list(tensor.shape)
            head = b'{"name":%b,"datatype":"%b","shape":%a,' % (orjson.dumps(name), datatype, shape)
            if len(self._heads) >= _MAX_HEADS:
                self._heads.clear()
            self._heads[key] = head
        return head

    def _metadata(self) -> Mapping[str, object]:
        manifest = self.manifest
        image = manifest.image
        parameters = {
            "task": manifest.task.value,
            "classes": list(manifest.classes),
            "image_input": {} if image is None else image.to_json(),
        }
        return {
            "name": manifest.name,
            "versions": [manifest.version],
            "platform": "onnx_onnxv1",
            "inputs": [_described(spec) for spec in manifest.inputs],
            "outputs": [_described(spec) for spec in self.outputs],
            "parameters": {key: value for key, value in parameters.items() if value},
        }


def _label_of(manifest: Manifest) -> tuple[str, tuple[TensorSpec, ...]]:
    """Return which output holds the labels, empty for none, and that output if it is ours."""
    if manifest.task not in (Task.BINARY, Task.MULTICLASS):
        return "", ()
    found = manifest.output(OutputRole.LABEL)
    if found is not None:
        return found.name, ()
    if any(output.tensor.name == _LABEL for output in manifest.outputs):
        return "", ()
    has_text = any(isinstance(label, str) for label in manifest.classes)
    spec = TensorSpec(_LABEL, "string" if has_text else "int64", ("batch",))
    return _LABEL, (spec,)


def _fits(shape: Sequence[int], expected: Sequence[int | str]) -> bool:
    return len(shape) == len(expected) and all(
        isinstance(axis, str) or axis == length
        for axis, length in zip(expected, shape, strict=True)
    )


def _described(spec: TensorSpec) -> Mapping[str, object]:
    return {
        "name": spec.name,
        "datatype": protocol_type(spec.element_type),
        "shape": [axis if isinstance(axis, int) else -1 for axis in spec.shape],
    }
