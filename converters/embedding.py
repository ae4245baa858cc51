"""Finds the output that stands for a row as a vector, and how its components are standardised."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from converters.standard import Standard, standard_of
from edge_contract.errors import UsageError
from edge_contract.package import Manifest, OutputRole, OutputSpec, Task
from edge_contract.stats import MAX_DIMENSION, VectorsSpec

__all__ = ["embedded", "vectors_for", "with_embedding"]


def with_embedding(manifest: Manifest, outputs: Tensors, *, name: str = "") -> Manifest:
    """Return the manifest with the role of embedding given to an output.

    Args:
        manifest: Of the model.
        outputs: What it says about the reference.
        name: The output. If none is named, it is the first vector of a model that predicts neither
            classes nor a number; of others none.

    Raises:
        UsageError: There is no such output, it means something else, or it is no vector.
    """
    if not name:
        if manifest.task is not Task.OTHER:
            return manifest
        fitting = (o.tensor.name for o in manifest.outputs if _is_vector(outputs[o.tensor.name]))
        name = next(fitting, "")
        if not name:
            return manifest
    spec = next((output for output in manifest.outputs if output.tensor.name == name), None)
    if spec is None or spec.role is not OutputRole.OTHER:
        known = [o.tensor.name for o in manifest.outputs if o.role is OutputRole.OTHER]
        raise UsageError(
            f"embedding {name!r} is no output of the model that could be one; "
            f"it has {', '.join(known) or 'none'}"
        )
    if not _is_vector(outputs[name]):
        raise UsageError(
            f"embedding {name!r} is {spec.tensor}, expected 2 to {MAX_DIMENSION} numbers a row"
        )
    changed = OutputSpec(spec.tensor, OutputRole.EMBEDDING)
    return replace(manifest, outputs=tuple(changed if o is spec else o for o in manifest.outputs))


def embedded(manifest: Manifest, outputs: Tensors, total: int) -> NDArray[np.float32]:
    """Return the embeddings of all rows, ``float32[rows, components]``; of none, no components."""
    tensor = manifest.output(OutputRole.EMBEDDING)
    if tensor is None:
        return np.empty((total, 0), np.float32)
    with np.errstate(over="ignore"):
        return outputs[tensor.name].reshape(total, -1).astype(np.float32)


def vectors_for(columns: NDArray[np.float32]) -> VectorsSpec:
    """Return how components are standardised; one that never varied is measured in its unit."""
    standards = [standard_of(column) or _plain(column) for column in columns.T]
    return VectorsSpec(
        tuple(standard.center for standard in standards),
        tuple(standard.scale for standard in standards),
    )


def _plain(column: NDArray[np.float32]) -> Standard:
    finite = column[np.isfinite(column)]
    return Standard(float(finite[0]) if len(finite) else 0.0, 1.0)


def _is_vector(values: NDArray[np.generic]) -> bool:
    if values.dtype.kind != "f" or values.ndim < 2:
        return False
    return 2 <= values.size // max(len(values), 1) <= MAX_DIMENSION
