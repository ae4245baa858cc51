"""The object folder of samples: Parquet files, one for each parcel that a device sent.

::

    samples / MODEL / VERSION / COMMAND - DEVICE - PART.parquet

Every row says where it is from. The column ``truth`` is empty: whoever labels fills it in, and
hands the file to ``edgefleet labels import``.
"""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final

from cloud_sync.adapters.durable_files import write_durably
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.package import Manifest
from edge_contract.samples import Cell, SampleKind, SampleParcel, sample_columns

__all__ = ["SampleFile", "SampleFolder", "SampleSource"]

_SUFFIX: Final = ".parquet"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,160}\.parquet")
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class SampleSource:
    """Where a parcel comes from.

    Attributes:
        device: Its name, or what stands for it.
        command_id: Of the command that asked for it.
        part: Its number among those of the device's answer.
    """

    device: str
    command_id: str
    part: int


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file of samples.

    Attributes:
        name: Below the folder: ``MODEL/VERSION/NAME.parquet``.
        model: Which model.
        version: Which version.
        size_bytes: Its size.
        at_unix_s: When it came.
    """

    name: str
    model: str
    version: str
    size_bytes: int
    at_unix_s: float


class SampleFolder:
    """Keeps samples until they are too old.

    Args:
        folder: Made as needed.
        keep_days: How long a file stays.
        most_bytes: What all files may take; then nothing more is taken until some are too old.
    """

    def __init__(self, folder: Path, *, keep_days: float, most_bytes: int) -> None:
        self._folder = folder
        self._keep_s = keep_days * _DAY_S
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._taken_bytes = sum(file.size_bytes for file in self.files())

    def write(self, parcel: SampleParcel, source: SampleSource, manifest: Manifest) -> SampleFile:
        """Write a parcel durably; the same one again replaces itself.

        Raises:
            UnavailableError: It cannot be written, there is no room, or pyarrow is not installed.
        """
        data = _parquet(parcel, source, manifest)
        name = f"{source.command_id}-{source.device}-{source.part:04d}{_SUFFIX}"
        path = self._folder / manifest.name / manifest.version / name
        with self._lock:
            more_bytes = len(data) - self._file(path).size_bytes
            if self._taken_bytes + more_bytes > self._most_bytes:
                raise UnavailableError(
                    f"the samples take {self._taken_bytes} of the {self._most_bytes} bytes that "
                    "they may: remove some, or start the cloud with a larger --samples-mb"
                )
            self._taken_bytes += more_bytes
        try:
            write_durably(path, data)
        except BaseException:
            with self._lock:
                self._taken_bytes -= more_bytes
            raise
        return self._file(path)

    def files(self) -> list[SampleFile]:
        """Return all files, newest first."""
        found = [self._file(path) for path in self._paths()]
        return sorted(found, key=lambda file: (file.at_unix_s, file.name), reverse=True)

    def path(self, name: str) -> Path:
        """Return the place of a file; raises ``UsageError`` if there is none of that name."""
        parts = name.split("/")
        if len(parts) == 3 and _NAME.fullmatch(parts[2]) and not {".", ".."} & set(parts):
            path = self._folder.joinpath(*parts)
            if path.is_file():
                return path
        raise UsageError(f"there are no samples {name!r:.200}")

    def remove(self, name: str) -> None:
        """Remove a file for good.

        Raises:
            UsageError: There is none of that name.
            UnavailableError: It cannot be removed.
        """
        path = self.path(name)
        try:
            size_bytes = self._file(path).size_bytes
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UnavailableError(f"cannot remove {str(path)!r}: {error.strerror}") from error
        with self._lock:
            self._taken_bytes -= size_bytes

    def expire(self, now_unix_s: float | None = None) -> int:
        """Remove files that are too old; return how many those were.

        Raises:
            UnavailableError: One cannot be removed.
        """
        now_unix_s = time.time() if now_unix_s is None else now_unix_s
        old = [f for f in self.files() if now_unix_s - f.at_unix_s > self._keep_s]
        for file in old:
            self.remove(file.name)
        with self._lock:  # whatever was done to the folder by hand counts from here
            self._taken_bytes = sum(file.size_bytes for file in self.files())
        return len(old)

    def _paths(self) -> Iterator[Path]:
        return self._folder.glob(f"*/*/*{_SUFFIX}")

    def _file(self, path: Path) -> SampleFile:
        try:
            found = path.stat()
            size_bytes, at_unix_s = found.st_size, found.st_mtime
        except OSError:  # removed just now
            size_bytes, at_unix_s = 0, 0.0
        model, version, name = path.parts[-3:]
        return SampleFile(f"{model}/{version}/{name}", model, version, size_bytes, at_unix_s)


def _parquet(parcel: SampleParcel, source: SampleSource, manifest: Manifest) -> bytes:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "samples are written as Parquet, which needs pyarrow: pip install 'edgefleet[parquet]'"
        ) from error
    rows = parcel.rows
    at = [datetime.fromtimestamp(row.at_unix_s, UTC) for row in rows]
    columns: dict[str, object] = {
        "prediction_id": pa.array([row.prediction_id for row in rows], pa.string()),
        "truth": pa.nulls(len(rows), pa.string()),
        "predicted": pa.array([row.predicted for row in rows], pa.string()),
        "score": pa.array([row.score for row in rows], pa.float64()),
        "reason": pa.array([",".join(row.reasons) for row in rows], pa.string()),
        "candidate": pa.array([row.candidate or None for row in rows], pa.string()),
        "candidate_predicted": pa.array(
            [row.candidate_predicted if row.candidate else None for row in rows], pa.string()
        ),
        "at": pa.array(at, pa.timestamp("us", tz="UTC")),
        "device": pa.array([source.device] * len(rows), pa.string()),
        "model": pa.array([manifest.name] * len(rows), pa.string()),
        "version": pa.array([manifest.version] * len(rows), pa.string()),
        "package": pa.array([parcel.package] * len(rows), pa.string()),
        "purpose": pa.array([parcel.purpose] * len(rows), pa.string()),
        "command": pa.array([source.command_id] * len(rows), pa.string()),
    }
    kinds = {
        SampleKind.NUMBER: pa.float64(),
        SampleKind.TEXT: pa.string(),
        SampleKind.PICTURE: pa.binary(),
        SampleKind.TENSOR: pa.list_(pa.float32()),
    }
    for place, column in enumerate(sample_columns(manifest)):
        cells: Sequence[Cell] = [row.cells[place] for row in rows]
        columns[column.name] = pa.array(cells, kinds[column.kind])
    buffer = BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()
