"""Encoders of the rows of small models, and what they say to rows that do not fit."""

import pytest

from edge_agent.adapters.inputs import InputEncoder
from edge_contract.errors import UsageError
from edge_contract.package import Feature, Manifest, OutputRole, OutputSpec, Task, TensorSpec

__all__ = ["customers", "images", "manifest_of", "refused", "table_encoder"]


def manifest_of(*inputs: TensorSpec, features: tuple[Feature, ...] = ()) -> Manifest:
    return Manifest(
        name="gate",
        version="1.4.0",
        created="2026-02-03T04:05:06Z",
        task=Task.BINARY,
        inputs=inputs,
        outputs=(OutputSpec(TensorSpec("p", "float32", ("batch", 2)), OutputRole.PROBABILITIES),),
        features=features,
        classes=("no", "yes"),
    )


def table_encoder(*names: str, element_type: str = "float32") -> InputEncoder:
    """One input, a column of it for each name."""
    features = tuple(Feature(name, 0, column) for column, name in enumerate(names))
    return InputEncoder(
        manifest_of(TensorSpec("X", element_type, ("batch", len(names))), features=features)
    )


def customers() -> InputEncoder:
    """An input for each of age, visits and city."""
    features = (
        Feature("age", 0, 0),
        Feature("visits", 1, 0),
        Feature("city", 2, 0, is_category=True, categories=("oslo", "bergen")),
    )
    kinds = (("age", "float32"), ("visits", "int64"), ("city", "string"))
    inputs = (TensorSpec(name, kind, ("batch", 1)) for name, kind in kinds)
    return InputEncoder(manifest_of(*inputs, features=features), salt="north")


def images() -> InputEncoder:
    return InputEncoder(manifest_of(TensorSpec("image", "float32", ("batch", 1, 2, 2))))


def refused(encoder: InputEncoder, rows: object) -> str:
    """What the caller is told."""
    with pytest.raises(UsageError) as error:
        encoder.encode(rows)  # type: ignore[arg-type]
    return str(error.value)
