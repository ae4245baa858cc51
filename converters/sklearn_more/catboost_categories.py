"""Categories of CatBoost, which keeps only their hashes, by the rows that the caller gives."""

from collections.abc import Mapping, Sequence

import numpy as np
from catboost import CatBoost

from converters.base import Rows
from converters.sklearn_more.catboost_file import Kept
from converters.table import columns_of, numbers, texts
from edge_contract.errors import UsageError

__all__ = ["Categories", "texts_of"]


class Categories:
    """What is known of the categories in a model's columns.

    Args:
        kept: The model.
        known: By column, what its categories are, by the texts that CatBoost takes them for.
        names: Of the columns.
    """

    def __init__(
        self, kept: Kept, known: Mapping[int, Mapping[str, str | int]], names: Sequence[str]
    ) -> None:
        hashes = {
            it["value"]: it["hash"] for it in kept["features_info"].get("cat_features_hash", [])
        }
        self._names = names
        self._known = {
            column: {hashes[text]: value for text, value in found.items()}
            for column, found in known.items()
        }

    def values(self, column: int) -> Mapping[int, str | int]:
        """Return a column's categories by their hashes of 32 bits.

        Raises:
            UsageError: The model stands inside another one, where no rows were given.
        """
        if column not in self._known:
            raise UsageError(
                f"CatBoost's cat_features (column {column} is one) can be converted of a model "
                "alone, but not inside another one: encode categories before it, for example with "
                "OrdinalEncoder or OneHotEncoder in a pipeline, and leave out cat_features"
            )
        return self._known[column]

    def value(self, column: int, category: int) -> str | int:
        """Return the category that has a hash.

        Raises:
            UsageError: No row has it.
        """
        found = self.values(column).get(category)
        if found is None:
            raise self.unknown([column])
        return found

    def unknown(self, columns: Sequence[int]) -> UsageError:
        """Return the error to raise for a category that no row has."""
        names = " or ".join(repr(self._names[column]) for column in columns)
        return UsageError(
            f"CatBoost's trees know a category of column {names} that no row of X has, and by its "
            "hash alone: give rows that have every category that the model was fitted on"
        )


def texts_of(model: CatBoost, rows: Rows) -> dict[int, dict[str, str | int]]:
    """Return, by column of the model, the categories that rows have, by their texts for CatBoost.

    Raises:
        UsageError: The rows lack a column of categories.
    """
    known = [str(it) for it in model.feature_names_]
    columns = columns_of(rows)
    places = {column.name: place for place, column in enumerate(columns)}
    if not set(known) <= set(places) and known == [str(place) for place in range(len(known))]:
        places = {str(place): place for place in range(len(columns))}  # it has no names
    found: dict[int, dict[str, str | int]] = {}
    for feature in model.get_cat_feature_indices():
        name = known[feature]
        if name not in places:
            raise UsageError(
                f"X has no column {name!r}, which {type(model).__name__} takes for categories: "
                "give rows like those that it was fitted on"
            )
        place = places[name]
        if columns[place].is_text:
            found[feature] = {str(it): str(it) for it in set(texts(rows, place).tolist())}
        else:
            present = numbers(rows, place)
            whole = np.unique(present[np.isfinite(present)]).astype(np.int64)
            found[feature] = {str(it): it for it in whole.tolist()}
    return found
