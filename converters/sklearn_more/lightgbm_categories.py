"""What LightGBM's categorical splits ask."""

from collections.abc import Mapping, Sequence

import numpy as np

from converters.sklearn_more.memberships import Membership
from edge_contract.errors import UsageError

__all__ = ["LightGBMCategories"]


class LightGBMCategories:
    """The categories of a booster's columns.

    Those of a table whose columns were categorical are known by their places among ``tables``;
    otherwise they are whole numbers, and a fraction counts as the one nearer to 0.

    Args:
        infos: What the booster says of its columns, by name; of categorical ones it lists values.
        names: The columns, in their order.
        tables: Values of the categorical columns of a table, in their order.
    """

    def __init__(
        self,
        infos: Mapping[str, Mapping[str, object]],
        names: Sequence[str],
        tables: Sequence[Sequence[object]] | None,
    ) -> None:
        listing = [place for place, name in enumerate(names) if infos.get(name, {}).get("values")]
        self._names = names
        self._is_table = bool(tables)
        self._values = dict(zip(listing, tables or (), strict=False))
        self._is_clear = not tables or len(tables) == len(listing)

    def question(self, column: int, threshold: str) -> Membership:
        """Return what a split on a column asks; its threshold lists categories.

        Raises:
            UsageError: It is not known what the categories are.
        """
        codes = [int(code) for code in threshold.split("||")]
        if not self._is_table:
            return Membership(column, frozenset(codes), rounding="Trunc")
        if not self._is_clear:
            raise UsageError(
                "LightGBM does not say which columns its categories belong to: fit it without "
                "constant categorical columns, and with categorical_feature='auto'"
            )
        values = self._values[column]
        return Membership(column, frozenset(self._plain(values[code], column) for code in codes))

    def _plain(self, value: object, column: int) -> str | int:
        match value:
            case str():
                return value
            case bool() | int() | np.bool_() | np.integer():
                return int(value)
            case float() | np.floating() if float(value).is_integer():
                return int(value)
            case _:
                raise UsageError(
                    f"column {self._names[column]!r} has the category {value!r}: use texts or "
                    "whole numbers"
                )
