"""Runs a package's golden vectors: does the model do here what its author saw it do?"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.adapters.outputs import OutputDecoder
from edge_agent.ports import InferenceSession
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import GoldenTensor, Package

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_golden", "golden_inputs"]


def golden_inputs(package: Package) -> "Mapping[str, NDArray[np.generic]]":
    """Return the golden inputs of a package by name; raises ``PackageError`` if they are wrong."""
    return {name: _array(tensor) for name, tensor in package.golden().inputs.items()}


def check_golden(package: Package, session: InferenceSession) -> None:
    """Run the golden vectors on this device: those of the variant that is meant by ``package``.

    Raises:
        PackageError: An output is not what the package says it must be, or cannot be read as the
            prediction that the manifest says it is.
    """
    golden, name = package.golden(), package.manifest.reference
    try:
        outputs = session.run({name: _array(tensor) for name, tensor in golden.inputs.items()})
        rows = min((len(_array(tensor)) for tensor in golden.inputs.values()), default=0)
        OutputDecoder(package.manifest).decode(outputs, rows)
    except UnavailableError as error:
        raise PackageError(f"{name} cannot run its golden vectors: {error}") from error
    for spec, found in zip(package.manifest.outputs, outputs, strict=True):
        wanted = golden.outputs.get(spec.tensor.name)
        if wanted is None:
            raise PackageError(
                f"{name} has no golden vector for its output {spec.tensor.name!r}; convert it again"
            )
        absolute = golden.absolute_of.get(spec.tensor.name, golden.absolute)
        _compare(
            found,
            _array(wanted),
            relative=golden.relative,
            absolute=absolute,
            what=f"output {spec.tensor.name!r} of {name}",
        )


def _array(tensor: GoldenTensor) -> "NDArray[np.generic]":
    if tensor.element_type == "string":
        texts = np.empty(len(tensor.values), object)
        texts[:] = tensor.values
        return texts.reshape(tensor.shape)
    numbers = [float(value) if isinstance(value, str) else value for value in tensor.values]
    try:
        return np.asarray(numbers, tensor.element_type).reshape(tensor.shape)
    except OverflowError as error:
        raise PackageError(f"a golden vector is no {tensor.element_type}: {error}") from error


def _compare(
    found: "NDArray[np.generic]",
    expected: "NDArray[np.generic]",
    *,
    relative: float,
    absolute: float,
    what: str,
) -> None:
    if found.shape != expected.shape:
        raise PackageError(
            f"{what} has shape {list(found.shape)} on its golden vectors, its author measured "
            f"{list(expected.shape)}"
        )
    if expected.dtype.kind == "f" and found.dtype.kind == "f":
        is_close = np.isclose(
            found.astype(np.float64),
            expected.astype(np.float64),
            rtol=relative,
            atol=absolute,
            equal_nan=True,
        )
    else:
        is_close = found == expected
    wrong = np.argwhere(~np.asarray(is_close, bool))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise PackageError(
            f"{what} fails its golden vectors on this device: at {list(place)} it is "
            f"{found[place]!r}, its author measured {expected[place]!r}"
        )
