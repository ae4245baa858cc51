"""Handing samples over: what a command asks for, checked against what the device's owner allows."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from edge_agent.samples.options import SampleOptions
from edge_agent.samples.store import KeptSample, SampleStore
from edge_agent.samples.upload import SampleUpload
from edge_contract.errors import EdgeError, MessageError, UsageError
from edge_contract.reading import Reader
from edge_contract.samples import (
    CAPTURE,
    MAX_PARCEL_BYTES,
    REASONS,
    SampleParcel,
    SampleRow,
    sample_columns,
)

if TYPE_CHECKING:
    from edge_agent.adapters.recorder import Recorder

__all__ = ["Asked", "HandingOver"]

_log = logging.getLogger("edgefleet.agent")

_MOST: Final = 10_000
_USUAL: Final = 200
_PART_BYTES: Final = MAX_PARCEL_BYTES // 8
_KNOWN: Final = frozenset({"purpose", "most", "model", "reasons", "upload"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a command ``capture-samples`` asks for.

    Attributes:
        purpose: What the samples will be used for.
        most: At most so many, the latest ones.
        models: Only of these; empty for all.
        reasons: Only those kept for one of these; empty for any.
        url: Where they go.
        ticket: Shows the cloud that the command came to this device.
        command_id: Of the command.
    """

    purpose: str
    most: int
    models: tuple[str, ...]
    reasons: tuple[str, ...]
    url: str
    ticket: str
    command_id: str

    @classmethod
    def of(cls, arguments: Mapping[str, object]) -> Self:
        """Read a command's arguments.

        Raises:
            UsageError: One is missing, unknown or wrong.
        """
        unknown = sorted(arguments.keys() - _KNOWN)
        if unknown:
            raise UsageError(
                f"command {CAPTURE!r} knows no {unknown[0]!r} "
                "(known: model, most, purpose, reasons)"
            )
        purpose = str(arguments.get("purpose", "")).strip()
        most = arguments.get("most", _USUAL)
        if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= _MOST:
            raise UsageError(f"command {CAPTURE!r} needs most from 1 to {_MOST}, got {most!r}")
        reasons = _texts(arguments.get("reasons", ""), "reasons")
        if not set(reasons) <= set(REASONS):
            raise UsageError(
                f"command {CAPTURE!r} knows the reasons {', '.join(REASONS)}, got "
                f"{', '.join(reasons)}"
            )
        try:
            upload = Reader(arguments.get("upload"), "upload", MessageError)
            return cls(
                purpose=purpose,
                most=most,
                models=_texts(arguments.get("model", ""), "model"),
                reasons=reasons,
                url=upload["url"].text(max_length=1000),
                ticket=upload["ticket"].text(max_length=200),
                command_id=upload["command"].text(pattern=r"[0-9A-Za-z_-]{1,64}"),
            )
        except MessageError as error:
            raise UsageError(
                f"command {CAPTURE!r} does not say where samples go ({error}): send it through the "
                "cloud"
            ) from error


class HandingOver:
    """Finds and sends samples.

    Args:
        options: What the owner allows.
        store: Where samples wait.
        recorder: Knows the manifests.
        device: Name of the device.
        leaving: Set when the agent ends.
    """

    def __init__(
        self,
        options: SampleOptions,
        store: SampleStore,
        recorder: "Recorder",
        device: str,
        leaving: threading.Event,
    ) -> None:
        self._options = options
        self._store = store
        self._recorder = recorder
        self._device = device
        self._leaving = leaving

    def found(self, asked: Asked) -> Sequence[KeptSample]:
        """Return the samples that are asked for, newest first.

        Raises:
            UsageError: The owner of the device has not allowed the purpose.
        """
        allowed = self._options.purposes
        if asked.purpose not in allowed:
            raise UsageError(
                f"this device gives no samples for {asked.purpose!r}: its owner allows "
                f"{', '.join(map(repr, allowed))}"
            )
        return self._store.newest(asked.most, models=asked.models, reasons=asked.reasons)

    def send(self, asked: Asked, tell: Callable[[str, bool, str], None]) -> None:
        """Send samples, forget those that the cloud has written, and tell how it went.

        They are looked up anew: a command before this one may have sent some of them.
        """
        from edge_agent.adapters.http_source import resolved_url

        upload = SampleUpload(
            url=resolved_url(asked.url, self._options.broker_host),
            command_id=asked.command_id,
            device=self._device,
            ticket=asked.ticket,
            leaving=self._leaving,
            ca_file=self._options.ca_file,
            plain_text=self._options.plain_text,
        )
        sent = 0
        samples = self.found(asked)
        try:
            by_package = self._rows(samples)
            total = sum(map(len, by_package.values()))
            lost = len({sample.prediction_id for sample in samples}) - total
            detail = f"sent {total} samples for {asked.purpose!r}" + (
                f"; {lost} could not be read any more and are removed" if lost else ""
            )
            parts = list(_parts(by_package))
            for number, (package, rows) in enumerate(parts):
                is_last = number == len(parts) - 1
                parcel = SampleParcel(
                    package, asked.purpose, is_last, detail if is_last else "", tuple(rows)
                )
                upload.put(number, parcel.to_bytes())
                self._store.forget({row.prediction_id for row in rows})
                sent += len(rows)
            self._store.forget({sample.prediction_id for sample in samples})
        except (EdgeError, OSError) as error:
            _log.warning("samples: %s", error)
            tell(asked.command_id, False, f"{error}; {sent} of {len(samples)} samples were sent")  # noqa: FBT003
        else:
            _log.info("%s", detail)
            tell(asked.command_id, True, detail)  # noqa: FBT003

    def _rows(self, samples: Sequence[KeptSample]) -> dict[str, list[SampleRow]]:
        """Return the rows by package; those of packages that are gone cannot be read any more."""
        found: dict[str, dict[str, SampleRow]] = {}
        for sample in samples:
            try:
                columns = sample_columns(self._recorder.manifest(sample.package))
                row = SampleRow.from_json(Reader(sample.row, "sample", MessageError), columns)
            except (KeyError, MessageError) as error:
                _log.warning("a sample of %s cannot be read: %s", sample.model, error)
                continue
            rows = found.setdefault(sample.package, {})
            other = rows.get(row.prediction_id)
            rows[row.prediction_id] = row if other is None else row.joined(other)
        return {package: list(rows.values()) for package, rows in found.items()}


def _parts(by_package: Mapping[str, Sequence[SampleRow]]) -> Iterator[tuple[str, list[SampleRow]]]:
    """Yield portions of about a mebibyte, each of one package."""
    for package, rows in by_package.items():
        portion: list[SampleRow] = []
        size_bytes = 0
        for row in rows:
            row_bytes = _size_bytes(row)
            if portion and size_bytes + row_bytes > _PART_BYTES:
                yield package, portion
                portion, size_bytes = [], 0
            portion.append(row)
            size_bytes += row_bytes
        if portion:
            yield package, portion


def _size_bytes(row: SampleRow) -> int:
    """Return about what a row takes as JSON."""
    sizes = {bytes: 2, str: 2, tuple: 22}
    return 400 + sum(
        sizes[type(cell)] * len(cell) if isinstance(cell, (bytes, str, tuple)) else 22
        for cell in row.cells
    )


def _texts(value: object, name: str) -> tuple[str, ...]:
    """Return texts that stand in a list, or in one text with commas between."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise UsageError(f"command {CAPTURE!r} needs {name} as text or a list of texts, got {value!r}")
