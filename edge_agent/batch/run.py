"""One run of a job: from a checkpoint, or from the start, to the end or the next checkpoint."""

import itertools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from edge_agent.batch.answers import answers_of
from edge_agent.batch.arrow_sink import ArrowFile
from edge_agent.batch.blocks import Block
from edge_agent.batch.checkpoints import CheckpointFile
from edge_agent.batch.durable import NothingToContinueError
from edge_agent.batch.jobs import ScoreJob, ScoreSummary, target_kind
from edge_agent.batch.progress import Told
from edge_agent.batch.rejects import RejectFile, Rejects, RejectStream
from edge_agent.batch.setting_aside import Predicted, predicted
from edge_agent.batch.sinks import LineFile, LineStream, Sink
from edge_agent.batch.sources import STDIO
from edge_contract.errors import UsageError
from edge_contract.package import digest_of
from edge_contract.reading import Reader

if TYPE_CHECKING:
    from edge_agent.agent import Agent

__all__ = ["Run"]

_CHECKPOINT_S: Final = 5.0


class Run:
    """One run of a job: from a checkpoint, or from the start, to the end or the next checkpoint."""

    def __init__(self, agent: "Agent", job: ScoreJob) -> None:
        self._agent = agent
        self._job = job
        manifest = agent.manifest
        self._features = [] if manifest is None else [f.name for f in manifest.features]
        self.summary = ScoreSummary()
        self._checkpoints = CheckpointFile(job.target, job.source, _digest_of(agent), kept=job.kept)
        self._can_go_on = job.target != STDIO and not job.source.is_stream
        self._sink, self._rejects = self._opened()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._sink.close()
        self._rejects.close()
        is_in_vain = kind is not None and issubclass(kind, UsageError)  # it would fail again
        if is_in_vain or (kind is not None and not self._checkpoints.exists):
            self._sink.discard()
            self._rejects.discard()
            self._checkpoints.remove()

    def go(self, told: Told, should_stop: Callable[[], bool]) -> None:
        """Predict the blocks that are left."""
        summary, saved_at_s = self.summary, time.monotonic()
        blocks = itertools.islice(self._job.source.blocks(), summary.blocks, None)
        for block in blocks:
            found = self._predicted(block)
            self._sink.write(answers_of(block, found, self._job.kept))
            self._rejects.write(found.bad)
            summary.rows += sum(len(places) for places, _ in found.parts)
            summary.rejected += len(found.bad)
            summary.blocks += 1
            summary.models |= dict.fromkeys(answer.model for _, answer in found.parts)
            told(rows=summary.rows, rejected=summary.rejected, fraction=block.fraction)
            if should_stop():
                self._save()
                return
            if time.monotonic() - saved_at_s >= _CHECKPOINT_S:
                self._save()
                saved_at_s = time.monotonic()
        self._finish()

    def _predicted(self, block: Block) -> Predicted:
        source = self._job.source.name
        try:
            found = predicted(block, self._agent.predict, self._features)
        except UsageError as error:
            first = block.numbers[0]
            raise UsageError(f"{source}, from row {first} on: {error}") from error
        if self._job.strict and found.bad:
            bad = found.bad[0]
            where = "" if bad.text.startswith(("row ", "line ")) else f"row {bad.number}: "
            raise UsageError(f"{source}, {where}{bad.text}")
        return found

    def _opened(self) -> tuple[Sink, Rejects]:
        """Open what is written: where an earlier run was stopped, or anew."""
        if self._can_go_on and self._checkpoints.exists and not self._job.restart:
            try:
                return self._continued()
            except NothingToContinueError:
                self.summary.began_anew = True
        if self._can_go_on:
            self._checkpoints.remove()
        return self._both_at(None, None)

    def _continued(self) -> tuple[Sink, Rejects]:
        before = self._checkpoints.found()
        sink, rejects = self._both_at(before.sink, before.rejects_bytes)
        self.summary.blocks = before.blocks
        self.summary.rows = self.summary.continued_after = before.rows
        self.summary.rejected = before.rejected
        return sink, rejects

    def _both_at(self, state: Reader | None, rejects_bytes: int | None) -> tuple[Sink, Rejects]:
        sink = self._sink_at(state)
        try:
            return sink, self._rejects_at(rejects_bytes)
        except BaseException:
            sink.close()
            if state is None:
                sink.discard()
            raise

    def _sink_at(self, state: Reader | None) -> Sink:
        target = self._job.target
        if target == STDIO:
            return LineStream(self._job.kind)
        kind = target_kind(target)
        if kind in ("csv", "jsonl"):
            return LineFile(target, kind, state)
        return ArrowFile(target, kind, state)

    def _rejects_at(self, kept_bytes: int | None) -> Rejects:
        path = self._job.rejects_path
        return RejectStream() if path is None else RejectFile(path, kept_bytes)

    def _save(self) -> None:
        """Make durable what is done, and note it."""
        sink, rejects_bytes = self._sink.checkpoint(), self._rejects.checkpoint()
        if self._can_go_on:
            summary = self.summary
            self._checkpoints.write(
                blocks=summary.blocks,
                rows=summary.rows,
                rejected=summary.rejected,
                sink=sink,
                rejects_bytes=rejects_bytes,
            )

    def _finish(self) -> None:
        """Put everything in its place, the target last: when it is there, all is."""
        self._rejects.finish()
        self._sink.finish()
        if self._can_go_on:
            self._checkpoints.remove()
        self.summary.complete = True


def _digest_of(agent: "Agent") -> str:
    manifest = agent.manifest
    return "" if manifest is None else digest_of(manifest.to_bytes())
