"""Names for the features of rows that have none."""

from collections.abc import Sequence
from dataclasses import replace

from converters.base import Converted
from converters.rows import is_frame
from edge_contract.errors import UsageError

__all__ = ["with_feature_names"]


def with_feature_names(converted: Converted, names: Sequence[str]) -> Converted:
    """Return a conversion whose features are called ``names``, in the order of the columns.

    Raises:
        UsageError: There are more or fewer features, two have one name, or the rows have names.
    """
    if not names:
        return converted
    if is_frame(converted.rows):
        raise UsageError("X already has column names: leave feature_names out")
    if len(names) != len(converted.features):
        raise UsageError(
            f"feature_names has {len(names)} names, the rows have {len(converted.features)} columns"
        )
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice or not all(names):
        raise UsageError(f"feature_names must differ and not be empty: {twice or ['']}")
    named = zip(converted.features, names, strict=True)
    return replace(
        converted, features=tuple(replace(feature, name=str(name)) for feature, name in named)
    )
