"""Scores one partition, in the process of a Spark task."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.agent import Agent
from edge_agent.batch.answers import answers_of
from edge_agent.batch.arrow_files import blocks_of
from edge_agent.batch.setting_aside import predicted
from edge_agent.holder import opened_alone
from edge_contract.package import Package
from edgefleet.spark.answering import ERROR

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PartitionScorer"]

_DEVICE: Final = "partition"
_ONE_WINDOW_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class PartitionScorer:
    """What tasks are given; called with the batches of a partition.

    Attributes:
        archive: The package.
        answers: Columns that come back beside those that came.
        salt: With which texts that are no known category are hashed, the same in all tasks.
        gather: Takes the number of a partition and what it counted, as telemetry is sent.
    """

    archive: bytes
    answers: "pa.Schema"
    salt: str
    gather: Callable[[int, tuple[bytes, ...]], None]

    def __call__(self, batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """Yield the batches with their answers beside them.

        The last column says of which partition they are. A task does not know: it may be given
        several of them, or be one of a union of frames.
        """
        first = next((batch for batch in batches if batch.num_rows), None)
        if first is None:
            return
        number = first.column(first.num_columns - 1)[0].as_py()
        folder = Path(tempfile.mkdtemp(prefix="edgefleet-spark-"))
        try:
            with Agent(
                _package(self.archive),
                device=_DEVICE,
                state=folder,
                interval_s=_ONE_WINDOW_S,
                salt=self.salt,
            ) as agent:
                for batch in itertools.chain([first], batches):
                    yield from self._scored(agent, batch)
            self.gather(number, _counted(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _scored(self, agent: Agent, batch: "pa.RecordBatch") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        manifest = agent.manifest
        features = [] if manifest is None else [feature.name for feature in manifest.features]
        first = 0
        for block in blocks_of([batch]):
            found = predicted(block, agent.predict, features)
            answers = answers_of(block, found, ())
            place = {number: at for at, number in enumerate(answers.columns["row"])}
            told = {bad.number: bad.text for bad in found.bad}
            rows = [place.get(number) for number in block.numbers]
            part = batch.slice(first, len(block.numbers))
            first += len(block.numbers)
            columns = part.columns[:-1]
            for field in self.answers:
                values: list[object] = [told.get(number) for number in block.numbers]
                if field.name != ERROR:
                    column = answers.columns.get(field.name, ())
                    values = [None if at is None else column[at] for at in rows]
                columns.append(pa.array(values, field.type))
            schema = pa.schema([*list(batch.schema)[:-1], *self.answers])
            yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _counted(folder: Path) -> tuple[bytes, ...]:
    """Return the telemetry that an agent left in its state folder."""
    store = opened_alone(folder)
    try:
        return tuple(batch.message for batch in store.messages(_DEVICE))
    finally:
        store.close()


@lru_cache(maxsize=2)
def _package(archive: bytes) -> Package:
    """Return the package; tasks that follow each other in a process read it once."""
    return Package.from_archive(archive)
