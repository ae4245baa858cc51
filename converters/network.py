"""Converts networks that are given in their own framework: what is the same for all frameworks.

A framework's file makes a :class:`Network` of its model. Everything else happens here: which types
the rows have as tensors, whether the network answers every row for itself, and what its outputs
mean.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import ConversionWarning, Converted, Request, Rows, Tensors
from converters.meaning import meaning_of
from converters.onnx_feeds import features_of, feeds_for
from converters.rows import row_count, take
from converters.runtime import OnnxModel
from converters.tensor_rows import input_specs
from edge_contract.errors import UsageError
from edge_contract.package import Task, TensorSpec
from edge_contract.reading import JsonObject

__all__ = ["Network", "converted_network", "first_line"]

_ROWS_FOR_MEANING: Final = 2_000
_ROWS_ALONE: Final = 3
_BLOCK_ROWS: Final = 256
_RELATIVE: Final = 1e-3
"""Rounding depends a little on how many rows are computed at once; anything more is another answer.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A trained network as a function of arrays.

    Attributes:
        what: How to call it in errors.
        inputs: The names of its inputs, in order.
        run: Says its outputs by name; raises whatever the framework raises.
        export: Makes an ONNX model, whose first axes are free, of such rows as are given; raises
            ``UsageError``. Inputs and outputs have the same names as in ``run``.
        framework: Versions of what made it, by name.
        parameters: What is known of it, as plain values.
        layers_to_blame: Names of layers that may mix rows with each other, for errors.
        has_int64: Whether it knows whole numbers of 64 bits; otherwise it is given those of 32.
    """

    what: str
    inputs: Sequence[str]
    run: Callable[[Tensors], Tensors]
    export: Callable[[Tensors], bytes]
    framework: JsonObject
    parameters: JsonObject = field(default_factory=dict)
    layers_to_blame: Sequence[str] = ()
    has_int64: bool = True


def converted_network(network: Network, request: Request) -> Converted:
    """Return a network as ONNX, with what is known about it.

    Raises:
        UsageError: It does not take the rows, does not answer them one by one, cannot be exported,
            or the classes do not fit it.
    """
    specs = _accepted_specs(network, request.rows)

    def feeds(rows: Rows) -> Tensors:
        return feeds_for(specs, rows, what=network.what)

    _require_answers_row_by_row(network, feeds(take(request.rows, np.arange(_few(request.rows)))))
    exported = network.export(feeds(take(request.rows, _example(request.rows, specs))))
    model = OnnxModel(exported, what=network.what)
    _require_inputs(model.inputs, specs, what=network.what)
    last = row_count(request.rows) - 1
    some = take(request.rows, np.unique(np.linspace(0, last, _ROWS_FOR_MEANING).astype(np.int64)))
    try:
        said = _said(network, feeds(some))
    except ValueError as error:
        raise UsageError(f"{network.what} does not accept the rows of X: {error}") from error
    usual = _Usual(feeds(request.rows))

    def predict(rows: Rows) -> Tensors:
        given = feeds(rows)
        usual.require(given)
        return meaning.completed(_said(network, given))

    meaning = meaning_of(
        exported,
        model.outputs,
        said,
        classes=request.classes,
        labels=request.labels,
        what=network.what,
    )
    if meaning.roles.task is Task.OTHER:
        _tell_that_nothing_is_predicted(network, said)
    return Converted(
        model=meaning.model,
        rows=request.rows,
        inputs=specs,
        outputs=meaning.roles.outputs,
        features=features_of(specs, request.rows),
        task=meaning.roles.task,
        classes=meaning.roles.classes,
        feeds=feeds,
        predict=predict,
        framework=network.framework,
        parameters=network.parameters,
    )


def first_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _accepted_specs(network: Network, rows: Rows) -> tuple[TensorSpec, ...]:
    """Return the inputs that the network takes two of the caller's rows as."""
    two = take(rows, np.array([0, min(1, row_count(rows) - 1)]))
    reasons: list[tuple[str, Exception]] = []
    for exact in input_specs(rows, network.inputs, what=network.what):
        specs = exact if network.has_int64 else tuple(map(_in_32_bits, exact))
        try:
            network.run(feeds_for(specs, two, what=network.what))
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001  frameworks raise all kinds
            reasons.append((", ".join(f"{spec.name!r} {spec}" for spec in specs), error))
        else:
            return specs
    shown, reason = reasons[0]
    raise UsageError(
        f"{network.what} does not take the rows of X as {shown}: {first_line(reason)}"
    ) from reason


def _in_32_bits(spec: TensorSpec) -> TensorSpec:
    return replace(spec, element_type={"int64": "int32"}.get(spec.element_type, spec.element_type))


def _require_answers_row_by_row(network: Network, feeds: Tensors) -> None:
    """Check that outputs have a row for each row, always the same, whatever rows are beside it."""
    size = min(len(values) for values in feeds.values())
    together = _said_at_once(network, feeds, size)
    for name, output in together.items():
        if output.ndim == 0 or len(output) != size:
            raise UsageError(
                f"output {name!r} of {network.what} has shape {list(output.shape)} for {size} rows:"
                " the first axis of every output must be the batch; leave other outputs out"
            )
    again = network.run(feeds)
    if not _all_close(together, again):
        raise UsageError(
            f"{network.what} answers the same rows differently each time: dropout or noise is on "
            "although it predicts; turn it off, so that a device can repeat what the model says"
        )
    blamed = f" (look at {', '.join(network.layers_to_blame[:3])})" * bool(network.layers_to_blame)
    advice = (
        f"a device asks for one row at a time; layers that normalise by the batch do this, such as "
        f"batch normalisation in training mode or without running statistics{blamed}"
    )
    for row in range(min(size, _ROWS_ALONE)):
        one = {name: values[row : row + 1] for name, values in feeds.items()}
        try:
            alone = network.run(one)
        except Exception as error:
            raise UsageError(
                f"{network.what} does not answer a single row ({first_line(error)}): {advice}"
            ) from error
        if not _all_close(alone, {k: values[row : row + 1] for k, values in together.items()}):
            raise UsageError(
                f"{network.what} answers row {row} of X differently alone than among others: "
                f"{advice}"
            )


def _said_at_once(network: Network, feeds: Tensors, size: int) -> Tensors:
    try:
        return network.run(feeds)
    except Exception as error:
        raise UsageError(
            f"{network.what} does not take {size} rows at once ({first_line(error)}): it must take "
            "any number of them; torch.export needs dynamic_shapes with a free first axis"
        ) from error


def _all_close(first: Tensors, second: Tensors) -> bool:
    return all(_close(values, second[name]) for name, values in first.items())


def _close(first: NDArray[np.generic], second: NDArray[np.generic]) -> bool:
    if first.shape != second.shape:
        return False
    if first.dtype.kind != "f":
        return bool((first == second).all())
    numbers = first.astype(np.float64)
    usual = float(np.abs(numbers[np.isfinite(numbers)]).mean()) if numbers.size else 0.0
    tolerance = _RELATIVE * (usual or 1.0)
    return np.allclose(numbers, second, rtol=_RELATIVE, atol=tolerance, equal_nan=True)


def _said(network: Network, feeds: Tensors) -> Tensors:
    """Return what the network says; raises ``ValueError`` if that is no number, or it fails."""
    total = min(len(values) for values in feeds.values())
    parts: list[Tensors] = []
    for start in range(0, total, _BLOCK_ROWS):
        block = {name: values[start : start + _BLOCK_ROWS] for name, values in feeds.items()}
        try:
            parts.append(network.run(block))
        except Exception as error:  # frameworks raise all kinds
            raise ValueError(first_line(error)) from error
    said = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for name, values in said.items():
        if values.dtype.kind == "f" and np.isnan(values).any():
            row = int(np.isnan(values.reshape(len(values), -1)).any(axis=1).argmax())
            raise ValueError(f"output {name!r} is no number (NaN) for row {row}")
    return said


class _Usual:
    """What a network may be asked about: what it makes of other numbers is chance.

    Missing and infinite numbers only if the caller's rows have some; whole numbers, which may be
    codes, only from the least to the largest at their place in the rows.
    """

    def __init__(self, feeds: Tensors) -> None:
        self._is_finite = _holds_only_finite(feeds)
        self._ranges = {
            name: (values.min(axis=0), values.max(axis=0))
            for name, values in feeds.items()
            if values.dtype.kind in "iu"
        }

    def require(self, feeds: Tensors) -> None:
        """Raise ``ValueError`` for other rows."""
        if self._is_finite and not _holds_only_finite(feeds):
            raise ValueError("no row of X has a missing or infinite number")
        for name, (least, largest) in self._ranges.items():
            if ((feeds[name] < least) | (feeds[name] > largest)).any():
                raise ValueError(f"no row of X has such whole numbers in {name!r}")


def _holds_only_finite(feeds: Tensors) -> bool:
    floats = (values for values in feeds.values() if values.dtype.kind == "f")
    return all(bool(np.isfinite(values.astype(np.float64)).all()) for values in floats)


def _require_inputs(
    found: Sequence[TensorSpec], expected: Sequence[TensorSpec], *, what: str
) -> None:
    unused = [it.name for it in expected if it.name not in {spec.name for spec in found}]
    if unused:
        raise UsageError(f"{what} does not use its input {unused[0]!r}: leave that input out")
    if tuple(found) != tuple(expected):
        raise UsageError(
            f"the export of {what} takes {', '.join(map(str, found))}, not "
            f"{', '.join(map(str, expected))} as the model does: it cannot be converted as it is"
        )


def _example(rows: Rows, specs: Sequence[TensorSpec]) -> NDArray[np.int64]:
    """Return two or more rows, as many as no other axis is long, so that none is taken for it."""
    taken = {axis for spec in specs for axis in spec.shape}
    size = next(number for number in range(2, 100_000) if number not in taken)
    return np.arange(size) % row_count(rows)


def _few(rows: Rows) -> int:
    return min(row_count(rows), 7)


def _tell_that_nothing_is_predicted(network: Network, said: Tensors) -> None:
    shapes = ", ".join(f"{name!r} {list(values.shape[1:])}" for name, values in said.items())
    warnings.warn(
        f"nothing is known of what {network.what} predicts (per row: {shapes}), so that there is "
        "neither quality nor an estimate without labels; if it tells classes apart, give classes="
        "(...) in the order of its outputs, and probabilities are made of logits",
        ConversionWarning,
        stacklevel=2,
    )
