"""Views of samples and labels, and what the API may ask about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

__all__ = ["LabelBook", "LabelGiven", "LabelsView", "SampleBook", "SampleFileView"]


@dataclass(frozen=True, slots=True)
class SampleFileView:
    """A Parquet file of samples that a device sent: ``name`` is where it is to be had."""

    name: str
    model: str
    version: str
    size_bytes: int
    at_unix_s: float


@dataclass(frozen=True, slots=True)
class LabelGiven:
    """A truth that somebody found out.

    Attributes:
        prediction_id: Of the call, or of one of its rows.
        truth: The class as the author wrote it, or the number; one for each row of the call.
        device: Which device predicted it, or its pseudonym; empty if that is not known.
    """

    prediction_id: str
    truth: tuple[str | int | float, ...]
    device: str = ""


@dataclass(frozen=True, slots=True)
class LabelsView:
    """What came of labels: rows that were counted, that had been before, and that cannot be.

    ``unknown`` are those whose package is not in the registry, ``refused`` those that are no id or
    whose truth does not fit the model; ``problems`` tells some of both, ``by_version`` how many
    were counted for which version.
    """

    counted: int
    repeated: int
    unknown: int
    refused: int
    by_version: Mapping[str, int] = field(default_factory=dict)
    problems: Sequence[str] = ()


class SampleBook(Protocol):
    """Samples that devices sent. Thread-safe."""

    def require_asked(self, command_id: str, device: str, *, ticket: str) -> None:
        """Raise what :meth:`receive` would of who was not asked, before a byte is read."""
        ...

    def receive(
        self, command_id: str, device: str, *, part: int, ticket: str, data: bytes
    ) -> SampleFileView | None:
        """Take a parcel in; on return it is written. ``None`` if there was no row in it.

        Raises:
            NotFoundError: There is no such command, or the ticket is not the device's.
            MessageError: It cannot be read, or does not fit the package.
            UsageError: It comes too late, or says another purpose.
        """
        ...

    def files(self) -> Sequence[SampleFileView]:
        """Return all files, newest first."""
        ...

    def path(self, name: str, *, by: str) -> Path:
        """Return the place of a file, for downloading; who takes it stands in the record.

        Raises:
            NotFoundError: There is none of that name.
        """
        ...

    def remove(self, name: str, *, by: str) -> None:
        """Remove a file for good; raises ``NotFoundError``."""
        ...


class LabelBook(Protocol):
    """Truths that arrive at the cloud. Thread-safe."""

    def add(self, labels: Sequence[LabelGiven], *, by: str) -> LabelsView:
        """Count truths, and none of them twice, however often it is told."""
        ...
