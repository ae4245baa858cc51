"""Tables of other libraries, by shape: none of them is imported before somebody gives us one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["columns_in", "named_columns", "values_in"]


def columns_in(rows: object) -> list[object] | None:
    """Return the names in a DataFrame, an Arrow table, or one row of them; ``None`` if it is none.

    Names are looked for where pandas and polars (``columns``), pyarrow (``schema``) and mappings
    have them.
    """
    names = getattr(getattr(rows, "schema", None), "names", None)
    if isinstance(names, list):
        return names
    columns: Iterable[object] | None = getattr(rows, "columns", None)
    if columns is not None and not callable(columns):
        return list(columns)
    keys = getattr(rows, "keys", None)
    return None if keys is None else list(keys())


def values_in(column: object) -> object:
    """Return a column as numpy takes it right.

    Of Arrow columns with a dictionary, numpy is given the dictionary's last text for what is
    missing.
    """
    to_list = getattr(column, "to_pylist", None)
    if to_list is not None and hasattr(getattr(column, "type", None), "index_type"):
        return to_list()
    return column


def named_columns(rows: object) -> Mapping[str, object] | None:
    """Return the columns of what only hands out an Arrow stream; ``None`` if it does not.

    Raises:
        UsageError: That needs pyarrow, which is not installed, or the stream cannot be read.
    """
    if not hasattr(rows, "__arrow_c_stream__"):
        return None
    try:
        import pyarrow
    except ImportError as error:
        raise UsageError(
            f"rows come as an Arrow stream ({type(rows).__name__}), which needs pyarrow: "
            "pip install 'edgefleet[parquet]', or give columns by name"
        ) from error
    try:
        table = pyarrow.table(rows)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise UsageError(f"rows are no Arrow table ({type(rows).__name__}): {error}") from error
    return {str(name): table[name] for name in table.schema.names}
