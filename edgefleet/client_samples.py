"""What a program asks the cloud about samples and labels."""

from collections.abc import Mapping, Sequence

from cloud_sync.api.json_views import view_from_json
from cloud_sync.backend import LabelsView, SampleFileView
from edge_contract.errors import UsageError
from edge_contract.reading import JsonValue
from edgefleet.connection import ApiConnection, segment_of

__all__ = ["SampleCalls"]

_PAGE = 500


class SampleCalls:
    """Part of :class:`edgefleet.Cloud`."""

    _api: ApiConnection

    def samples(self, *, model: str = "") -> list[SampleFileView]:
        """Return the files of samples that devices sent, newest first."""
        found: list[SampleFileView] = []
        after = ""
        while True:
            page = self._api.get("samples", model=model, after=after, limit=_PAGE)
            found.extend(view_from_json(SampleFileView, item) for item in page["items"].items())
            if page["next"].is_null:
                return found
            after = page["next"].text()

    def sample_file(self, name: str) -> bytes:
        """Return a file of samples: Parquet, one row for each, ``truth`` to be filled in."""
        return self._api.get_bytes(_address(name))

    def remove_samples(self, name: str) -> None:
        """Remove a file of samples for good."""
        self._api.delete(_address(name))

    def add_labels(self, labels: Sequence[Mapping[str, JsonValue]]) -> LabelsView:
        """Tell what came true; each row counts once, however often it is told.

        Args:
            labels: Up to 10,000 objects with ``prediction_id``, ``truth`` (a class or number; a
                list for a call of several rows) and, if it is known, ``device``.
        """
        order = {"labels": [dict(label) for label in labels]}
        return view_from_json(LabelsView, self._api.post("labels", order, is_repeatable=False))


def _address(name: str) -> str:
    parts = name.split("/")
    if len(parts) != 3:
        raise UsageError(f"{name!r} names no samples; they are called MODEL/VERSION/FILE.parquet")
    return "/".join(["samples", *map(segment_of, parts)])
