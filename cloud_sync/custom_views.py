"""Views of statistics that plugins count: what they say of themselves, live and before."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from cloud_sync.core.facts import PackageFacts
from cloud_sync.statistics_view import CustomView
from edge_contract.reading import JsonObject
from edge_contract.stats import BUILT_IN, Profile, Statistic

__all__ = ["custom_views"]


@runtime_checkable
class _SaysItself(Protocol):
    """A statistic that says in words and numbers what it counted."""

    def summary(self) -> JsonObject: ...


def custom_views(package: PackageFacts, live: Profile) -> Sequence[CustomView]:
    """Return one view for each column of a plugin's kind, in the package's order."""
    reference = package.reference.profile
    return [
        CustomView(
            subject=column.subject,
            kind=column.spec.kind,
            live=_said(live[index]),
            reference=_said(reference[index]),
        )
        for index, column in enumerate(live.spec.columns)
        if column.spec.kind not in BUILT_IN
    ]


def _said(statistic: Statistic) -> JsonObject:
    """Return what a statistic says of itself, or how many it counted; plugins may fail."""
    if not isinstance(statistic, _SaysItself):
        return {"count": statistic.count}
    try:
        return dict(statistic.summary())
    except Exception as error:  # noqa: BLE001  the rest of the view is right all the same
        return {"error": f"{type(error).__name__}: {error}"}
