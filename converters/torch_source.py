"""PyTorch's networks: live modules, and programs made by ``torch.export``."""

from collections.abc import Iterator
from typing import ClassVar

from converters.base import Converted, Request, register
from converters.optional import needing

__all__ = ["TorchSource"]


@register
class TorchSource:
    """``torch.nn.Module`` and ``torch.export.ExportedProgram`` objects."""

    name: ClassVar[str] = "PyTorch"

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is a module or an exported program; Keras' models are not ours."""
        names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(model).__mro__}
        is_ours = {
            "torch.export.exported_program.ExportedProgram",
            "torch.nn.modules.module.Module",
        }
        return bool(names & is_ours) and not any(name.startswith("keras.") for name in names)

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Export the network with a free batch axis."""
        from converters.network import converted_network

        with needing("torch"):
            from converters.torch_network import network_of

        yield converted_network(network_of(request.model, request.rows), request)
