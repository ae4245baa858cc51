"""Keeps JAX' and Flax' own functions at hand while jax2onnx has stand-ins in their places."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final, TypeAlias

__all__ = ["OwnFunctions"]

_Functions: TypeAlias = dict[str, Callable[..., object]]

_MODULES: Final = (
    "jax.nn",
    "jax.numpy",
    "jax.numpy.linalg",
    "jax.scipy.special",
    "flax.linen",
    "flax.linen.pooling",
    "flax.nnx",
)
_POOLS: Final = ("avg_pool", "max_pool", "min_pool")

_OWN: Final[dict[str, _Functions]] = {}
"""By module, as they were before the first export: jax2onnx does not put all of them back."""


class OwnFunctions:
    """The functions of JAX and Flax themselves, to be used again while a model is traced.

    jax2onnx exports most functions by stand-ins. Those for pooling refuse the window as a
    positional argument and are never wanted. Some others take fewer arguments than the function
    does, or cannot be mapped over rows; then ``everything`` tells to trace what the functions are
    made of instead.
    """

    def __init__(self) -> None:
        for name in _MODULES:
            if name in sys.modules and name not in _OWN:
                _OWN[name] = _functions(sys.modules[name])
        self.everything = False

    @contextmanager
    def restored(self) -> Iterator[None]:
        """While entered, they are in their places."""
        replaced = [
            (sys.modules[module], name, own)
            for module, functions in _OWN.items()
            for name, own in functions.items()
            if self.everything or name in _POOLS
        ]
        before = [(module, name, getattr(module, name, own)) for module, name, own in replaced]
        try:
            _put(replaced)
            yield
        finally:
            _put(before)

    @staticmethod
    def put_back() -> None:
        """Undo what an export has left behind."""
        for module, functions in _OWN.items():
            _put([(sys.modules[module], name, own) for name, own in functions.items()])


def _functions(module: ModuleType) -> _Functions:
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and not isinstance(value, type) and not name.startswith("_")
    }


def _put(functions: list[tuple[ModuleType, str, Callable[..., object]]]) -> None:
    for module, name, function in functions:
        if getattr(module, name, None) is not function:
            setattr(module, name, function)
