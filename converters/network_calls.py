"""How a network is called: the names of its inputs, and arguments in the way that it takes them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeGuard, TypeVar

from converters.base import Rows
from edge_contract.errors import UsageError

__all__ = ["Call", "call_of", "named_outputs"]

T = TypeVar("T")

_ONLY_INPUT: Final = "x"


@dataclass(frozen=True, slots=True)
class Call:
    """The inputs of a function, and whether they are given by place or by name."""

    inputs: tuple[str, ...]
    by_place: bool

    def __call__(self, function: Callable[..., object], values: Sequence[object]) -> object:
        """Call the function with a value for each input."""
        if self.by_place:
            return function(*values)
        return function(**dict(zip(self.inputs, values, strict=True)))


def call_of(function: Callable[..., object], rows: Rows, *, what: str) -> Call:
    """Return how to call a function with the caller's rows.

    Its inputs are its parameters without a default, and those with one that arrays are given for.
    If it takes any number of arguments, there is one for each array, in their order.

    Raises:
        UsageError: It takes none.
    """
    parameters = [
        it
        for it in inspect.signature(function).parameters.values()
        if it.kind not in (it.VAR_KEYWORD, it.KEYWORD_ONLY) or _is_given(it.name, rows)
    ]
    if parameters and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
        names = tuple(rows) if isinstance(rows, Mapping) else (_ONLY_INPUT,)
        return Call(names, by_place=True)
    parameters = [it for it in parameters if it.kind is not it.VAR_POSITIONAL]
    chosen = [it for it in parameters if it.default is it.empty or _is_given(it.name, rows)]
    if not chosen:
        raise UsageError(f"{what} takes no input: give a model of the rows in X")
    leads = parameters[: len(chosen)] == chosen
    named = any(it.kind is it.KEYWORD_ONLY for it in chosen)
    return Call(tuple(it.name for it in chosen), by_place=leads and not named)


def named_outputs(
    said: object, *, inputs: Sequence[str], is_tensor: Callable[[object], TypeGuard[T]]
) -> dict[str, T]:
    """Return what a network says by name: one tensor, a dict, a list, a tuple, or a named one.

    Raises:
        TypeError: A part of it is no tensor. Parts that are ``None`` are left out.
    """
    if is_tensor(said):
        found: dict[str, object] = {"output": said}
    elif isinstance(said, Mapping):
        found = {str(name): value for name, value in said.items()}
    elif isinstance(said, tuple) and hasattr(said, "_fields"):
        found = dict(zip(map(str, said._fields), said, strict=True))
    elif isinstance(said, tuple | list):
        found = {f"output_{place}": value for place, value in enumerate(said)}
    else:
        raise TypeError(f"the model returns a {type(said).__name__}, expected tensors")
    tensors: dict[str, T] = {}
    for name, value in found.items():
        if is_tensor(value):
            tensors[f"{name}_out" if name in inputs else name] = value
        elif value is not None:
            raise TypeError(f"output {name!r} is a {type(value).__name__}, expected a tensor")
    return tensors


def _is_given(name: str, rows: Rows) -> bool:
    return isinstance(rows, Mapping) and name in rows
