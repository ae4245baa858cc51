"""Random and sampled features that approximate kernels."""

from typing import Final

import numpy as np
from sklearn.kernel_approximation import (
    AdditiveChi2Sampler,
    PolynomialCountSketch,
    RBFSampler,
    SkewedChi2Sampler,
)

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []

_INTERVALS: Final = {1: 0.8, 2: 0.5, 3: 0.4}


@converts(RBFSampler)
def rbf_sampler(nodes: Nodes, model: RBFSampler) -> None:
    """Give random cosines."""
    nodes.say_numbers(_cosines(nodes, nodes.x, model))


@converts(SkewedChi2Sampler)
def skewed_chi2_sampler(nodes: Nodes, model: SkewedChi2Sampler) -> None:
    """Give random cosines of logarithms."""
    logarithms = nodes("Log", nodes("Add", nodes.x, float(model.skewedness)))
    nodes.say_numbers(_cosines(nodes, logarithms, model))


def _cosines(nodes: Nodes, x: str, model: RBFSampler) -> str:
    angles = nodes.linear(x, model.random_weights_, np.asarray(model.random_offset_))
    return nodes("Mul", nodes("Cos", angles), float(np.sqrt(2.0 / model.n_components)))


@converts(AdditiveChi2Sampler)
def additive_chi2_sampler(nodes: Nodes, model: AdditiveChi2Sampler) -> None:
    """Give sampled cosines and sines; all of them are zero where the value is."""
    interval = model.sample_interval or _INTERVALS.get(model.sample_steps)
    if interval is None:
        raise UsageError("AdditiveChi2Sampler of more than 3 steps needs a sample_interval")
    is_zero = nodes("Equal", nodes.x, 0.0)
    safe = nodes("Where", is_zero, 1.0, nodes.x)
    parts = [nodes("Sqrt", nodes("Mul", nodes.x, float(interval)))]
    phase = nodes("Mul", nodes("Log", safe), float(interval))
    for step in range(1, model.sample_steps):
        scale = 2.0 * interval / np.cosh(np.pi * step * interval)
        factor = nodes("Sqrt", nodes("Mul", nodes.x, float(scale)))
        angle = nodes("Mul", phase, float(step))
        parts += [nodes("Mul", factor, nodes(kind, angle)) for kind in ("Cos", "Sin")]
    nodes.say_numbers(nodes("Concat", *parts, axis=1))


@converts(PolynomialCountSketch)
def polynomial_count_sketch(nodes: Nodes, model: PolynomialCountSketch) -> None:
    """Multiply count sketches in the frequency domain; the transforms are matrix products."""
    count = model.n_components
    hashes, signs = np.asarray(model.indexHash_), np.asarray(model.bitHash_)
    slopes = np.full(hashes.shape[1], np.sqrt(float(model.gamma)))
    extra = int(model.coef0 != 0)
    if extra:
        slopes[-1] = np.sqrt(float(model.coef0))
    angles = -2.0 * np.pi * np.outer(np.arange(count), np.arange(count)) / count
    real = imaginary = ""
    width = hashes.shape[1] - extra
    for index, sign in zip(hashes, signs, strict=True):
        sketch = np.zeros((hashes.shape[1], count))
        sketch[np.arange(hashes.shape[1]), index] = sign * slopes
        cosines, sines = sketch @ np.cos(angles), sketch @ np.sin(angles)
        a = nodes.linear(nodes.x, cosines[:width], cosines[width:].sum(axis=0))
        b = nodes.linear(nodes.x, sines[:width], sines[width:].sum(axis=0))
        if real:
            a, b = _product(nodes, (real, imaginary), (a, b))
        real, imaginary = a, b
    back = nodes.linear(real, np.cos(angles) / count)
    nodes.say_numbers(nodes("Add", back, nodes.linear(imaginary, np.sin(angles) / count)))


def _product(nodes: Nodes, one: tuple[str, str], other: tuple[str, str]) -> tuple[str, str]:
    """Return the product of complex numbers."""
    (a, b), (c, d) = one, other
    real = nodes("Sub", nodes("Mul", a, c), nodes("Mul", b, d))
    return real, nodes("Add", nodes("Mul", a, d), nodes("Mul", b, c))
