"""Tables of other libraries, by shape: none of them is imported before somebody gives us one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["columns_in", "columns_of", "named_columns", "values_in"]


def columns_of(rows: object) -> "Mapping[str, object] | None":
    """Return the columns of whatever has names for them; ``None`` if rows have no names.

    That is a mapping, a DataFrame, an Arrow table, batch or reader, one row of these, a structured
    array, and what hands out an Arrow stream or speaks the DataFrame interchange protocol.

    Raises:
        UsageError: They cannot be read as they are, or that needs pyarrow, which is not installed.
    """
    if isinstance(rows, Mapping):
        return rows
    fields: tuple[str, ...] | None = getattr(getattr(rows, "dtype", None), "names", None)
    if isinstance(fields, tuple):
        return {name: rows[name] for name in fields}  # type: ignore[index]
    names = columns_in(rows)
    if names is not None and hasattr(rows, "__getitem__"):
        try:
            return {name: rows[name] for name in names}  # type: ignore[misc]
        except TypeError as error:  # polars' LazyFrame
            raise UsageError(
                f"rows are a {type(rows).__name__}, whose columns cannot be read: collect it first"
            ) from error
    return named_columns(rows)


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
    """Return the columns of an Arrow stream, or of what speaks the interchange protocol.

    ``None`` for anything else.

    Raises:
        UsageError: That needs pyarrow, which is not installed, or the stream cannot be read.
    """
    is_stream = hasattr(rows, "__arrow_c_stream__")
    is_struct = hasattr(getattr(rows, "type", None), "num_fields") and hasattr(rows, "flatten")
    if not is_stream and not hasattr(rows, "__dataframe__") and not is_struct:
        return None
    try:
        import pyarrow
        from pyarrow import interchange
    except ImportError as error:
        raise UsageError(
            f"rows come as an Arrow stream ({type(rows).__name__}), which needs pyarrow: "
            "pip install 'edgefleet[parquet]', or give columns by name"
        ) from error
    try:
        if is_struct:
            table = pyarrow.Table.from_struct_array(rows)
        else:
            table = pyarrow.table(rows) if is_stream else interchange.from_dataframe(rows)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise UsageError(f"rows are no Arrow table ({type(rows).__name__}): {error}") from error
    return {str(name): table[name] for name in table.schema.names}
