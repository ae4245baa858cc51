"""Where samples wait: files of JSON lines that only this user reads, within a quota and for a time.

Nothing here is worth a pause of the device: lines are not synced, a last one that a crash cut off
is passed over, and what cannot be written is counted.
"""

import contextlib
import json
import os
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from edge_contract.errors import MessageError
from edge_contract.reading import JsonValue, Reader

__all__ = ["KeptSample", "SampleStore"]

_PREFIX: Final = "kept-"
_SUFFIX: Final = ".jsonl"
_SEGMENT_BYTES: Final = 2**18
_SEGMENT_S: Final = 3600.0
_LEAST_SEGMENTS: Final = 8  # so that making room costs an eighth of what is there at most


class KeptSample(NamedTuple):
    """A sample that waits.

    Attributes:
        package: Digest of the package that predicted it.
        model: Name of its model.
        at_unix_s: When it was kept.
        prediction_id: Its name.
        reasons: Why it was kept.
        row: The rest, see :class:`edge_contract.samples.SampleRow`.
    """

    package: str
    model: str
    at_unix_s: float
    prediction_id: str
    reasons: tuple[str, ...]
    row: JsonValue


class SampleStore:
    """The samples of a device. Thread-safe.

    Args:
        folder: Of its own; made as needed.
        most_bytes: Of all files; the oldest make room for new ones.
        keep_s: How long a sample may stay.
    """

    def __init__(self, folder: Path, *, most_bytes: int, keep_s: float) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._keep_s = keep_s
        self._segment_bytes = min(_SEGMENT_BYTES, most_bytes // _LEAST_SEGMENTS)
        self._lock = threading.Lock()
        self._open: Path | None = None
        self._opened_unix_s = 0.0

    def add(self, sample: KeptSample) -> bool:
        """Keep a sample; return whether there is room for one so large.

        Raises:
            OSError: It cannot be written.
        """
        line = json.dumps(list(sample), separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > self._segment_bytes:
            return False
        with self._lock:
            path = self._segment(len(line), sample.at_unix_s)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with open(handle, "ab") as file:  # noqa: PTH123  made for this user only
                file.write(line)
            self._shrink(self._most_bytes)
        return True

    def newest(
        self, most: int, *, models: Collection[str] = (), reasons: Collection[str] = ()
    ) -> list[KeptSample]:
        """Return the latest samples, newest first.

        Args:
            most: At most so many.
            models: Only of these; empty for all.
            reasons: Only those kept for one of these; empty for any.
        """
        found: list[KeptSample] = []
        with self._lock:
            for path in reversed(self._segments()):
                for sample in reversed(list(_samples(path))):
                    is_meant = not models or sample.model in models
                    if is_meant and (not reasons or not set(reasons).isdisjoint(sample.reasons)):
                        found.append(sample)
                        if len(found) == most:
                            return found
        return found

    def forget(self, prediction_ids: Collection[str]) -> None:
        """Remove samples for good.

        Raises:
            OSError: A file cannot be written; samples may be left.
        """
        with self._lock:
            for path in self._segments():
                samples = list(_samples(path))
                left = [each for each in samples if each.prediction_id not in prediction_ids]
                if len(left) == len(samples):
                    continue
                if self._open == path:
                    self._open = None
                if not left:
                    path.unlink(missing_ok=True)
                    continue
                lines = [json.dumps(list(each), separators=(",", ":")) + "\n" for each in left]
                partial = path.with_suffix(".partial")
                handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123  as above
                    file.writelines(lines)
                partial.replace(path)

    def expire(self, now_unix_s: float) -> None:
        """Remove what has been here too long; a file goes when its oldest sample is too old."""
        with self._lock:
            for path in self._segments():
                with contextlib.suppress(OSError):
                    # A clock that was ahead has dated names into the future, but not the files.
                    if now_unix_s - min(_begun_unix_s(path), path.stat().st_mtime) > self._keep_s:
                        path.unlink()

    def clear(self) -> None:
        """Remove everything."""
        with self._lock:
            self._shrink(0)

    def size_bytes(self) -> int:
        """Return what all files take."""
        with self._lock:
            return sum(map(_size, self._segments()))

    def _segment(self, more_bytes: int, now_unix_s: float) -> Path:
        """Return the file to write into; a new one if the present one is full, or an hour old."""
        path = self._open
        age_s = abs(now_unix_s - self._opened_unix_s)
        if path is None or _size(path) + more_bytes > self._segment_bytes or age_s > _SEGMENT_S:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            known = self._segments()
            number = int(known[-1].stem.removeprefix(_PREFIX)) + 1 if known else 0
            number = max(number, int(now_unix_s * 1000))  # a clock may have been set back
            path = self._open = self._folder / f"{_PREFIX}{number:016d}{_SUFFIX}"
            self._opened_unix_s = now_unix_s
        return path

    def _shrink(self, most_bytes: int) -> None:
        segments = self._segments()
        total = sum(map(_size, segments))
        for path in segments:
            if total <= most_bytes:
                return
            total -= _size(path)
            if self._open == path:
                self._open = None
            path.unlink(missing_ok=True)

    def _segments(self) -> list[Path]:
        """Return the files, oldest first."""
        return sorted(self._folder.glob(f"{_PREFIX}*{_SUFFIX}"))


def _samples(path: Path) -> Iterator[KeptSample]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        try:
            reader = Reader(json.loads(line), "sample", MessageError)
            yield KeptSample(
                package=reader[0].text(),
                model=reader[1].text(),
                at_unix_s=reader[2].number(),
                prediction_id=reader[3].text(),
                reasons=tuple(item.text() for item in reader[4].items()),
                row=reader[5].json_list(),
            )
        except (ValueError, MessageError):
            continue  # cut off by a crash


def _begun_unix_s(path: Path) -> float:
    digits = path.stem.removeprefix(_PREFIX)
    return int(digits) / 1000 if digits.isdecimal() else 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
