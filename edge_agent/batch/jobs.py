"""Jobs of batch scoring: what to score into what, and what came of it."""

from pathlib import Path
from typing import Final

from edge_agent.batch.sources import STDIO, Source
from edge_contract.errors import UsageError
from edge_contract.records import dataclass, field

__all__ = ["TARGET_KINDS", "ScoreJob", "ScoreSummary", "target_kind"]

TARGET_KINDS: Final = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreJob:
    """What to score, and how.

    Attributes:
        source: Rows.
        target: Where answers go: a file, or ``-`` for standard output.
        rejects: Where rows without a prediction go; by default beside the target.
        kind: Form of standard output.
        kept: Columns of the source that the answers repeat.
        strict: Whether the first row without a prediction is an error.
        restart: Whether to begin anew where an earlier run was stopped.
    """

    source: Source
    target: Path
    rejects: Path | None = None
    kind: str = "jsonl"
    kept: tuple[str, ...] = ()
    strict: bool = False
    restart: bool = False

    @property
    def rejects_path(self) -> Path | None:
        """Where rows without a prediction go; ``None`` where nobody said, and there is no file."""
        if self.rejects is not None or self.target == STDIO:
            return self.rejects
        return self.target.with_name(f"{self.target.name}.rejected.jsonl")

    @property
    def told_target(self) -> str:
        """Where answers go, for people."""
        return "standard output" if self.target == STDIO else str(self.target)


@dataclass(slots=True)
class ScoreSummary:
    """What came of a job.

    Attributes:
        rows: Rows that were predicted, those of an earlier run included.
        rejected: Rows without a prediction.
        continued_after: Rows that an earlier run had done.
        blocks: Blocks that are done.
        complete: Whether all rows are done; otherwise the same job goes on from here.
        models: Versions that answered in this run.
        began_anew: Whether an earlier run was there that could not be continued.
    """

    rows: int = 0
    rejected: int = 0
    continued_after: int = 0
    blocks: int = 0
    complete: bool = False
    models: dict[str, None] = field(default_factory=dict)
    began_anew: bool = False


def target_kind(target: Path) -> str:
    """Return the form of a file to be written; raises ``UsageError`` for unknown endings."""
    kind = TARGET_KINDS.get(target.suffix.lower())
    if kind is None:
        raise UsageError(f"cannot write {target.name!r}: name it {', '.join(TARGET_KINDS)}")
    return kind
