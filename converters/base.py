"""What a source of models is, and where all of them are listed.

To add a source framework: write one file beside this one, decorate its class with ``@register`` and
add the import line to ``converters/__init__.py``. The laws in
``tests/converters/test_source_laws.py`` ask for an example of it and then run on it.

Importing this file costs nothing: whatever is heavy is imported by a source when it has work to do.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, TypeVar

from edge_contract.errors import UsageError
from edge_contract.package import Feature, OutputSpec, Task, TensorSpec
from edge_contract.reading import JsonObject

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "SOURCES",
    "ConversionWarning",
    "Converted",
    "Progress",
    "Request",
    "Rows",
    "Source",
    "Tensors",
    "register",
    "source_for",
]

Rows: TypeAlias = "pd.DataFrame | NDArray[np.generic] | Mapping[str, NDArray[np.generic]]"
"""Rows of the caller: a table with named columns, an array, or an array for each input."""

Tensors: TypeAlias = "Mapping[str, NDArray[np.generic]]"
"""Arrays by the name of the input or output; the first axis of each is the batch."""

Progress: TypeAlias = Callable[[str, float], None]
"""Is told what begins now, and which fraction of the whole is done."""


class ConversionWarning(UserWarning):
    """The package is right, but something about it should be known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A model as ONNX, and what is needed to check and describe it.

    Attributes:
        model: The serialized ``ModelProto``.
        rows: The caller's rows, their columns in the order that the model was fitted on.
        inputs: Its inputs, in its order.
        outputs: Its outputs with their meaning, in its order.
        features: What a device observes of every row; categories are filled in later.
        task: What it predicts.
        classes: Labels of a classifier in the order of its probabilities.
        threshold: As in a manifest.
        feeds: Turns rows into the tensors that the ONNX model takes.
        predict: What the source model says about rows, by name of the ONNX output; ``None`` if the
            ONNX file is itself the source. May raise ``ValueError`` for rows that the source model
            does not accept.
        framework: Versions of what made it, by name.
        parameters: Settings of the source model that are plain values.
        lineage: What its file says of where it comes from.
        has_jumps: Whether answers jump at thresholds of numbers that are computed from the rows.
        why_float64: Why inputs are of float64 though nobody has tried float32.
    """

    model: bytes
    rows: Rows
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[OutputSpec, ...]
    features: tuple[Feature, ...]
    task: Task
    classes: tuple[str | int, ...] = ()
    threshold: float | None = None
    feeds: Callable[[Rows], Tensors]
    predict: Callable[[Rows], Tensors] | None
    framework: JsonObject = field(default_factory=dict)
    parameters: JsonObject = field(default_factory=dict)
    lineage: JsonObject = field(default_factory=dict)
    has_jumps: bool = False
    why_float64: str = ""

    @property
    def takes_float64(self) -> bool:
        """Whether an input is of float64."""
        return any(spec.element_type == "float64" for spec in self.inputs)


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller wants to be converted.

    Attributes:
        model: The source model.
        rows: Rows like those that devices will see.
        classes: Labels that the caller gave for a model that does not know its own.
        labels: The true labels of the rows, as given by the caller; ``None`` if there are none.
    """

    model: object
    rows: Rows
    classes: tuple[str | int, ...] = ()
    labels: object = None


class Source(Protocol):
    """A framework whose models can be converted."""

    name: ClassVar[str]
    """The framework, as its users write it."""

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is of this framework. Imports nothing heavy."""
        ...

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Convert the model, in the best way first.

        There is more than one when a model can be fed in several ways; the first one that passes
        the parity check is taken.

        Raises:
            UsageError: The model is unfitted, has a part that cannot be converted, or the rows do
                not fit it. Raised before or in place of the first conversion.
            PackageError: The model is a file that is damaged or may not be packaged.
        """
        ...


SOURCES: dict[str, Source] = {}
"""Every known source by its name."""

S = TypeVar("S", bound=Source)


def register(cls: type[S]) -> type[S]:
    """List a source under its name."""
    if cls.name in SOURCES:
        raise UsageError(f"source {cls.name!r} is already taken; choose another name")
    SOURCES[cls.name] = cls()
    return cls


def source_for(model: object) -> Source:
    """Return the source that accepts ``model``.

    Raises:
        UsageError: None does.
    """
    for source in SOURCES.values():
        if source.accepts(model):
            return source
    if isinstance(model, type):
        raise UsageError(f"cannot convert the class {model.__qualname__}: give a trained object")
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    if isinstance(model, Mapping):
        raise UsageError(
            f"cannot convert {kind}: weights by name are no model; load them into the network, and "
            "give that"
        )
    raise UsageError(f"cannot convert {kind}: expected a model of {', '.join(SOURCES)}")
