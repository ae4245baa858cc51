"""JAX: functions, and modules of Equinox and Flax."""

import sys
from collections.abc import Iterator
from functools import partial
from types import FunctionType, MethodType
from typing import ClassVar, Final

from converters.base import Converted, Request, register
from converters.optional import needing

__all__ = ["JaxSource"]

_MODULES: Final = {
    "equinox._module._module.Module",
    "equinox._module.Module",
    "flax.linen.module.Module",
    "flax.nnx.module.Module",
}


@register
class JaxSource:
    """Functions of JAX arrays, ``equinox.Module``, ``flax.nnx.Module`` and Flax's bound modules."""

    name: ClassVar[str] = "JAX"

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is a module, or any function in a program that uses JAX."""
        kind = type(model)
        if kind.__qualname__ == "PjitFunction" and kind.__module__.startswith("jaxlib"):
            return True
        if "jax" in sys.modules and isinstance(model, FunctionType | MethodType | partial):
            return True
        return any(f"{base.__module__}.{base.__qualname__}" in _MODULES for base in kind.__mro__)

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Export the function with a free batch axis."""
        from converters.network import converted_network

        with needing("jax"):
            from converters.jax_network import network_of

        yield converted_network(network_of(request.model, request.rows), request)
