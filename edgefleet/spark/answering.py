"""The columns that stand beside the rows of a data frame when they are scored."""

import inspect
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema
from pyspark.sql.types import StructType

from edge_contract.errors import UsageError
from edge_contract.package import Manifest, OutputRole, Task

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

__all__ = ["ERROR", "PARTITION", "answered_schema"]

ERROR: Final = "error"
"""Column that says why a row has no prediction."""

PARTITION: Final = "__edgefleet_partition"
"""Column that tells a scorer of which partition a row is, and does not come back."""

# Later Sparks want to be told a zone if a column has times; any will do to look at kinds.
_ZONE: Final = (
    {"timezone": "UTC"} if "timezone" in inspect.signature(to_arrow_schema).parameters else {}
)


def answered_schema(frame: "DataFrame", manifest: Manifest) -> "tuple[pa.Schema, StructType]":
    """Return the columns of the answers, as Arrow writes them, and all as Spark does.

    Raises:
        UsageError: A feature is missing, two columns would have one name, or a column is of a kind
            that cannot be handed to Python.
    """
    names = frame.columns
    missing = [feature.name for feature in manifest.features if feature.name not in names]
    if missing:
        raise UsageError(
            f"the data frame lacks {_listed(missing)}, which {manifest.reference} takes; "
            f"it has {_listed(names)}"
        )
    answers = pa.schema([*_answers(manifest), pa.field(ERROR, pa.string())])
    taken = [name for name in [*answers.names, PARTITION] if name in names]
    if taken or len({*names}) < len(names):
        twice = taken or [name for name in names if names.count(name) > 1]
        raise UsageError(f"two columns would be called {_listed(twice)}: rename the one you have")
    try:
        to_arrow_schema(frame.schema, **_ZONE)
    except PySparkException as error:
        raise UsageError(f"a column cannot go through Arrow: {error}") from error
    return answers, StructType([*frame.schema.fields, *from_arrow_schema(answers).fields])


def _answers(manifest: Manifest) -> list[pa.Field]:
    fields: list[pa.Field] = []
    label = manifest.output(OutputRole.LABEL)
    if label is not None or manifest.task in (Task.BINARY, Task.MULTICLASS):
        is_text = any(isinstance(name, str) for name in manifest.classes) or (
            not manifest.classes and label is not None and label.element_type == "string"
        )
        fields.append(pa.field("label", pa.string() if is_text else pa.int64()))
    if manifest.output(OutputRole.PROBABILITIES) is not None:
        fields.append(pa.field("probabilities", pa.list_(pa.float32())))
    value = manifest.output(OutputRole.VALUE)
    if value is not None:
        is_single = value.shape[1:] in ((), (1,))
        kind = pa.float32() if is_single else pa.list_(pa.float32())
        fields.append(pa.field("value", kind))
    return fields


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
