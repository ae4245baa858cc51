"""Checkpoints: how far a run came, so that the next one goes on there."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edge_agent.batch.blocks import BLOCK_ROWS
from edge_agent.batch.durable import NothingToContinueError, beside, write_json_durably
from edge_agent.batch.sources import Source
from edge_contract.errors import PeerError
from edge_contract.reading import JsonObject, JsonValue, Reader
from edge_contract.records import dataclass

__all__ = ["Checkpoint", "CheckpointFile"]

_FORM: Final = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is durable of a run.

    Attributes:
        blocks: Blocks of the source that are done.
        rows: Rows that were predicted.
        rejected: Rows without a prediction.
        sink: What the sink needs to go on.
        rejects_bytes: Size of the side file.
    """

    blocks: int
    rows: int
    rejected: int
    sink: Reader
    rejects_bytes: int


class CheckpointFile:
    """The small file beside the output.

    Args:
        target: The output.
        source: What is scored.
        digest: Of the version that predicts.
        kept: Columns that are kept.
    """

    def __init__(self, target: Path, source: Source, digest: str, kept: Sequence[str]) -> None:
        self._path = beside(target, "progress.json")
        self._of: JsonObject = {
            "form": _FORM,
            "block_rows": BLOCK_ROWS,
            "source": source.fingerprint(),
            "kind": source.kind,
            "package": digest,
            "kept": list(kept),
        }

    def found(self) -> Checkpoint:
        """Return where the run before was stopped.

        Raises:
            NothingToContinueError: There was none, or its source, model or columns were others.
        """
        try:
            reader = Reader(json.loads(self._path.read_text()), self._path.name, PeerError)
            if reader["of"].json_object() != self._of:
                raise NothingToContinueError
            return Checkpoint(
                blocks=reader["blocks"].integer(low=0),
                rows=reader["rows"].integer(low=0),
                rejected=reader["rejected"].integer(low=0),
                sink=reader["sink"],
                rejects_bytes=reader["rejects_bytes"].integer(low=0),
            )
        except (OSError, ValueError, PeerError) as error:
            raise NothingToContinueError from error

    @property
    def exists(self) -> bool:
        """Whether a run was stopped here, of whatever source."""
        return self._path.exists()

    def write(
        self, *, blocks: int, rows: int, rejected: int, sink: JsonObject, rejects_bytes: int
    ) -> None:
        """Note what is durable."""
        state: dict[str, JsonValue] = {
            "of": self._of,
            "blocks": blocks,
            "rows": rows,
            "rejected": rejected,
            "sink": sink,
            "rejects_bytes": rejects_bytes,
        }
        write_json_durably(self._path, state)

    def remove(self) -> None:
        """The run is complete."""
        self._path.unlink(missing_ok=True)
