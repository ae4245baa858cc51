"""Rows for a network that is given in its own framework: as tensors, by name of its inputs."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from converters.base import Rows, Tensors
from converters.runtime import BATCH
from converters.table import columns_of
from edge_contract.errors import UsageError
from edge_contract.package import TensorSpec

__all__ = ["input_specs"]


def input_specs(rows: Rows, names: Sequence[str], *, what: str) -> Iterator[tuple[TensorSpec, ...]]:
    """Yield what the inputs of a network can be, the likeliest first.

    Numbers with a fraction become float32. Whole numbers are tried as they are, because they may be
    codes, and then as float32.

    Args:
        rows: The caller's rows.
        names: The names of the inputs, in order.
        what: How to call the network in errors.

    Raises:
        UsageError: The rows hold texts, or are not those of these inputs.
    """
    exact = tuple(_specs(rows, names, what=what))
    yield exact
    floats = tuple(
        TensorSpec(spec.name, "float32", spec.shape) if spec.element_type != "bool" else spec
        for spec in exact
    )
    if floats != exact:
        yield floats


def _specs(rows: Rows, names: Sequence[str], *, what: str) -> Iterator[TensorSpec]:
    if isinstance(rows, np.ndarray):
        given: Tensors = {names[0]: rows} if len(names) == 1 else {}
        if not given:
            raise UsageError(
                f"{what} has {len(names)} inputs ({', '.join(names)}): give a dict of arrays, or a "
                "DataFrame with a column for each"
            )
    elif isinstance(rows, Mapping):
        given = rows
    else:
        yield from _specs_of_table(rows, names, what=what)
        return
    missing = [name for name in names if name not in given]
    unknown = [name for name in given if name not in names]
    if missing or unknown:
        raise UsageError(
            f"the arrays do not fit the inputs of {what}: missing {missing or 'none'}, unknown "
            f"{unknown or 'none'}"
        )
    for name in names:
        array = given[name]
        if array.dtype.kind in "OUT":
            raise UsageError(
                f"input {name!r} of {what} holds texts, which networks do not take: give numbers, "
                "for example the places of words in a vocabulary"
            )
        kind = "float32" if array.dtype.kind == "f" else str(array.dtype)
        yield TensorSpec(name, kind, (BATCH, *array.shape[1:]))


def _specs_of_table(rows: Rows, names: Sequence[str], *, what: str) -> Iterator[TensorSpec]:
    """Yield one input with all columns, or one input for each column."""
    columns = columns_of(rows)
    texts = [column.name for column in columns if column.is_text]
    if texts:
        raise UsageError(
            f"columns {', '.join(texts[:3])} of X hold texts, which networks do not take: encode "
            "them as numbers first"
        )
    by_name = {column.name: column for column in columns}
    if len(names) == 1 and set(by_name) != set(names):
        is_whole = all(column.is_whole for column in columns)
        yield TensorSpec(names[0], "int64" if is_whole else "float32", (BATCH, len(columns)))
        return
    if set(by_name) != set(names):
        raise UsageError(
            f"the columns of X do not fit the inputs of {what}: it takes {', '.join(names)}; X has "
            f"{', '.join(by_name)}"
        )
    for name in names:
        yield TensorSpec(name, "int64" if by_name[name].is_whole else "float32", (BATCH, 1))
