"""A module of ``flax.nnx`` as a function that predicts, and that can be traced."""

import functools
import importlib
from collections.abc import Callable

import jax
from jax.interpreters import partial_eval

__all__ = ["predicting"]


def predicting(module: Callable[..., object]) -> Callable[..., object]:
    """Return a function that predicts with a copy of a module, which stays as it is.

    Each trace has a copy of its own: what changes meanwhile, such as the counts of random numbers,
    has to belong to it.
    """
    nnx = importlib.import_module("flax").nnx
    definition, state = nnx.split(module)

    def copied() -> Callable[..., object]:
        copy: Callable[..., object] = nnx.merge(definition, state, copy=True)
        copy.eval()  # type: ignore[attr-defined]
        return copy

    ours = copied()

    @functools.wraps(module)
    def predict(*values: object, **named: object) -> object:
        if any(isinstance(it, jax.core.Tracer) for it in (*values, *named.values())):
            return _needed_steps(copied, values, named)
        return ours(*values, **named)

    return predict


def _needed_steps(
    copied: Callable[[], Callable[..., object]],
    values: tuple[object, ...],
    named: dict[str, object],
) -> object:
    """Call a module that is being traced by those of its steps that the answer needs.

    Recurrent modules draw a random number for states that begin with zeros, which no ONNX file has
    an operator for.
    """
    shapes = jax.tree.map(jax.typeof, (values, named))
    steps, answer = jax.make_jaxpr(lambda it: copied()(*it[0], **it[1]), return_shape=True)(shapes)
    wanted = [True] * len(steps.jaxpr.outvars)
    needed, _ = partial_eval.dce_jaxpr(steps.jaxpr, wanted, instantiate=True)
    said = jax.core.eval_jaxpr(needed, steps.consts, *jax.tree.leaves((values, named)))
    unpacked: object = jax.tree.unflatten(jax.tree.structure(answer), said)
    return unpacked
