"""Keras 3 models, on whichever backend they run."""

from collections.abc import Iterator
from typing import ClassVar

from converters.base import Converted, Request, register
from converters.optional import needing

__all__ = ["KerasSource"]


@register
class KerasSource:
    """``keras.Model`` objects, sequential, functional and subclassed."""

    name: ClassVar[str] = "Keras"

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is a ``keras.Model``."""
        return any(
            kind.__qualname__ == "Model" and kind.__module__.startswith("keras.src.models")
            for kind in type(model).__mro__
        )

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Export the model with a free batch axis."""
        from converters.network import converted_network

        with needing("keras"):
            from converters.keras_network import network_of

        yield converted_network(network_of(request.model, request.rows), request)
