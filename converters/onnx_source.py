"""Ready ONNX models: a file, its bytes, or a ``ModelProto``; taken as they are."""

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import ClassVar

from converters.base import Converted, Request, register

__all__ = ["OnnxSource"]


@register
class OnnxSource:
    """ONNX models of any origin that hold one row per element of their first axis."""

    name: ClassVar[str] = "ONNX"

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is bytes, the path of a file, or a ``ModelProto``."""
        if isinstance(model, str | PurePath):
            return not Path(model).is_dir()
        is_proto = type(model).__name__ == "ModelProto" and hasattr(model, "graph")
        return is_proto or isinstance(model, bytes)

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Check the model and guess from its outputs for the rows what they mean."""
        from converters.onnx_read import read_onnx

        yield read_onnx(request)
