"""Samples and labels of a cloud in memory."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cloud_sync.backend import NotFoundError
from cloud_sync.core.increments import Commit
from cloud_sync.core.records import AcknowledgementRecord
from cloud_sync.sample_views import LabelGiven, LabelsView, SampleFileView
from edge_contract.errors import MessageError, UsageError
from edge_contract.prediction_id import read_id

__all__ = ["MemoryLabels", "MemoryLedger", "MemorySamples"]

TICKET = "right"


class MemorySamples:
    """Implements ``SampleBook``; the ticket of everybody is ``right``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, SampleFileView] = {}

    def require_asked(self, command_id: str, device: str, *, ticket: str) -> None:
        """See ``SampleBook``."""
        if ticket != TICKET:
            raise NotFoundError(f"device {device!r} was not asked for samples by {command_id!r}")

    def receive(
        self, command_id: str, device: str, *, part: int, ticket: str, data: bytes
    ) -> SampleFileView | None:
        """See ``SampleBook``."""
        self.require_asked(command_id, device, ticket=ticket)
        if not data.startswith(b"["):
            raise MessageError("a parcel of samples is no JSON")
        name = f"digits/1.0.0/{command_id}-{device}-{part:04d}.parquet"
        path = self._folder / "samples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        file = self._files[name] = SampleFileView(name, "digits", "1.0.0", len(data), 1000.0 + part)
        return file

    def files(self) -> Sequence[SampleFileView]:
        """See ``SampleBook``."""
        return sorted(self._files.values(), key=lambda file: file.at_unix_s, reverse=True)

    def path(self, name: str, *, by: str) -> Path:
        """See ``SampleBook``."""
        if name not in self._files:
            raise NotFoundError(f"there are no samples {name!r}, {by}")
        return self._folder / "samples" / name

    def remove(self, name: str, *, by: str) -> None:
        """See ``SampleBook``."""
        self.path(name, by=by).unlink()
        del self._files[name]


class MemoryLabels:
    """Implements ``LabelBook``: counts whatever is an id, whichever its package."""

    def __init__(self) -> None:
        self._known: set[tuple[str, int]] = set()

    def add(self, labels: Sequence[LabelGiven], *, by: str) -> LabelsView:
        """See ``LabelBook``."""
        counted = repeated = refused = 0
        for label in labels:
            try:
                package, number, classes, _ = read_id(label.prediction_id)
            except UsageError:
                refused += len(label.truth)
                continue
            rows = {(package, number + row) for row in range(len(classes))}
            counted += len(rows - self._known)
            repeated += len(rows & self._known)
            self._known |= rows
        return LabelsView(counted, repeated, 0, refused, problems=[by] if refused else [])


class MemoryLedger:
    """Implements ``LabelLedger`` for a warehouse in memory.

    Args:
        commit: Writes what labels come to.
        check: Called before everything; raises while the store is out of reach.
    """

    def __init__(self, commit: Callable[[Commit], None], check: Callable[[], None]) -> None:
        self._commit_labels = commit
        self._check_ledger = check
        self._labelled: dict[int, float] = {}
        self._acknowledged: dict[str, AcknowledgementRecord] = {}

    def count_labels(
        self,
        keys: Sequence[int],
        commit_of: Callable[[Sequence[bool]], Commit],
        *,
        at_unix_s: float,
    ) -> list[bool]:
        """See ``LabelLedger``."""
        self._check_ledger()
        seen, new = set(self._labelled), []
        for key in keys:
            new.append(key not in seen)
            seen.add(key)
        if any(new):
            self._commit_labels(commit_of(new))
            self._labelled |= dict.fromkeys(
                (key for key, is_new in zip(keys, new, strict=True) if is_new), at_unix_s
            )
        return new

    def prune_labels(self, before_unix_s: float) -> int:
        """See ``LabelLedger``."""
        self._check_ledger()
        old = [key for key, at_unix_s in self._labelled.items() if at_unix_s < before_unix_s]
        for key in old:
            del self._labelled[key]
        return len(old)

    def acknowledge(self, record: AcknowledgementRecord) -> None:
        """See ``LabelLedger``."""
        self._check_ledger()
        self._acknowledged[record.alarm_id] = record

    def acknowledgements(self) -> dict[str, AcknowledgementRecord]:
        """See ``LabelLedger``."""
        self._check_ledger()
        return dict(self._acknowledged)
