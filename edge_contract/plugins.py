"""Plugins: what packages beside edgefleet add by entry points, found by group and name.

Nothing is looked for before it is asked for by name: listing what is installed takes milliseconds.
"""

from typing import Final

from edge_contract.errors import PackageError

__all__ = ["POST_GROUP", "PRE_GROUP", "STATISTICS_GROUP", "plugin"]

PRE_GROUP: Final = "edgefleet.preprocessing"
"""Functions that get the rows of a call and return the rows that the model takes."""

POST_GROUP: Final = "edgefleet.postprocessing"
"""Functions that get a prediction and return what ``prediction.result`` shall be."""

STATISTICS_GROUP: Final = "edgefleet.statistics"
"""Kinds of statistics: classes that are a :class:`edge_contract.stats.base.Spec`."""


def plugin(group: str, name: str) -> object | None:
    """Return what a plugin's entry point names; ``None`` if none of that name is installed.

    Raises:
        PackageError: It cannot be loaded, whatever the reason.
    """
    from importlib.metadata import entry_points  # slow, and most processes need no plugin

    for point in entry_points(group=group, name=name):
        try:
            found: object = point.load()
        except Exception as error:
            raise PackageError(
                f"plugin {name!r} ({group}: {point.value}) cannot be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        return found
    return None
