"""Scores data frames, and sends what was counted under the name of one device."""

import atexit
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict, Unpack

from pyspark.sql import functions

from edge_agent.agent import Agent
from edge_agent.holder import opened_alone
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import BatchId
from edge_contract.package import Package
from edgefleet.spark.answering import PARTITION, answered_schema
from edgefleet.spark.counts import Adding, Counts, Gathering, Partition, batches_in, rows_in
from edgefleet.spark.partition import PartitionScorer

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame

__all__ = ["Connection", "Scoring", "Sent", "predict", "send"]

_log = logging.getLogger("edgefleet.spark")

_TIMEOUT_S: Final = 30.0
_LOOK_S: Final = 0.05


class Connection(TypedDict, total=False):
    """How the driver reaches the cloud; see :class:`edge_agent.agent.Agent`."""

    fleet: str
    tags: Mapping[str, str]
    username: str
    password: str
    ca_file: str | os.PathLike[str]
    join_token: str
    plain_text: bool
    trusted_root: str | os.PathLike[str]


class Sent(NamedTuple):
    """What the cloud has acknowledged."""

    rows: int
    batches: int


class Scoring:
    """Scores data frames with one package.

    Args:
        package: A model package, or its path.
        cloud: URL of the broker to send statistics to; without it they are only counted.
        device: Under whose name they are sent: one for all jobs of a kind, unique in the fleet.
        state: Folder on the driver for statistics that could not be sent; the next scoring with it
            sends them. By default a temporary one, which is removed at the end.
        salt: See :class:`edge_agent.agent.Agent`; by default a new one for each scoring.
        connection: More about the way to the cloud.

    Raises:
        UsageError: An argument is wrong.
        PackageError: The package is damaged.
    """

    def __init__(
        self,
        package: "Package | str | os.PathLike[str]",
        *,
        cloud: str | None = None,
        device: str = "spark",
        state: str | os.PathLike[str] | None = None,
        salt: str | None = None,
        **connection: Unpack[Connection],
    ) -> None:
        self._package = package if isinstance(package, Package) else _read(Path(package))
        self._archive = self._package.to_archive()
        self._cloud = cloud
        self._device = device
        self._connection = connection
        self._salt = salt or secrets.token_hex(16)
        self._is_temporary = state is None
        self._state = Path(state or tempfile.mkdtemp(prefix="edgefleet-spark-"))
        self._totals: list[Accumulator[Counts]] = []
        self._sent: set[Partition] = set()
        atexit.register(self.close)

    @property
    def has_cloud(self) -> bool:
        """Whether statistics are sent anywhere."""
        return self._cloud is not None

    def predict(self, frame: "DataFrame") -> "DataFrame":
        """Return the rows with their predictions beside them, computed when somebody needs them.

        Args:
            frame: A column for each feature of the model, by name; others are kept as they are.

        Returns:
            The same columns, then of ``label``, ``probabilities`` and ``value`` what the model
            gives, then ``error``: why a row has no prediction, else null.

        Raises:
            UsageError: A column is missing or has a name that answers have, or the session is one
                of Spark Connect, whose tasks cannot hand anything to the driver.
        """
        answers, schema = answered_schema(frame, self._package.manifest)
        try:
            context = frame.sparkSession.sparkContext
        except AttributeError as error:
            raise UsageError(
                "a session of Spark Connect hands no counts to the driver: score in a classic one"
            ) from error
        total: Accumulator[Counts] = context.accumulator({}, Gathering())
        scorer = PartitionScorer(
            self._archive, answers, self._salt, Adding(total, len(self._totals))
        )
        self._totals.append(total)
        # A sample of everything: without it Spark numbers rows that the driver holds before it
        # spreads them over partitions.
        spread = frame.sample(fraction=1.0, seed=0)
        numbered = spread.withColumn(PARTITION, functions.spark_partition_id())
        return numbered.mapInArrow(scorer, schema)

    def send(self, *, timeout_s: float = _TIMEOUT_S) -> Sent:
        """Send what was counted since the last time; call it after an action.

        Raises:
            UsageError: No cloud was named.
            UnavailableError: The cloud did not acknowledge all of it in time. What it has is not
                sent again; call this again for the rest.
        """
        if self._cloud is None:
            raise UsageError("there is no cloud to send statistics to: predict(..., cloud=URL)")
        rows, batches = self._save()
        with Agent(
            self._package,
            cloud=self._cloud,
            device=self._device,
            state=self._state,
            download_only=True,
            **self._connection,
        ) as agent:
            deadline_s = time.monotonic() + timeout_s
            while agent.waiting_batches():
                if time.monotonic() > deadline_s:
                    raise UnavailableError(
                        f"{agent.waiting_batches()} batches of statistics were not acknowledged "
                        f"within {timeout_s:g} s by {self._cloud}; they are kept in "
                        f"{str(self._state)!r}: send again"
                    )
                time.sleep(_LOOK_S)
        return Sent(rows, batches)

    def close(self) -> None:
        """Send what is left, where there is a cloud, and let go of the temporary folder."""
        atexit.unregister(self.close)
        try:
            if self._cloud is not None and self._unsent():
                self.send()
        except UnavailableError as error:
            _log.warning("%s", error)
        finally:
            if self._is_temporary:
                shutil.rmtree(self._state, ignore_errors=True)

    def _unsent(self) -> Counts:
        counts: Counts = {}
        for total in self._totals:
            counts |= total.value
        return {key: messages for key, messages in counts.items() if key not in self._sent}

    def _save(self) -> tuple[int, int]:
        """Put what was counted into the state folder, as batches of a life of the device."""
        counts = self._unsent()
        found = [batch for key in sorted(counts) for batch in batches_in(counts[key])]
        self._state.mkdir(parents=True, exist_ok=True)
        store = opened_alone(self._state)
        try:
            boot = store.next_boot(time.time())
            named = [
                replace(batch, batch_id=BatchId(self._device, boot, seq), span=1)
                for seq, batch in enumerate(found)
            ]
            store.save(named, {})
        finally:
            store.close()
        self._sent |= counts.keys()
        return sum(map(rows_in, counts.values())), len(found)


_scorings: list[Scoring] = []


def predict(
    frame: "DataFrame",
    package: "Package | str | os.PathLike[str]",
    *,
    cloud: str | None = None,
    device: str = "spark",
    state: str | os.PathLike[str] | None = None,
    salt: str | None = None,
    **connection: Unpack[Connection],
) -> "DataFrame":
    """Return a data frame's rows with their predictions; see :class:`Scoring`.

    What is counted is sent by :func:`send` after an action, or else when the driver ends.
    """
    scoring = Scoring(package, cloud=cloud, device=device, state=state, salt=salt, **connection)
    scored = scoring.predict(frame)
    _scorings.append(scoring)
    return scored


def send(*, timeout_s: float = _TIMEOUT_S) -> Sent:
    """Send what all data frames of :func:`predict` counted; see :meth:`Scoring.send`."""
    sent = [scoring.send(timeout_s=timeout_s) for scoring in _scorings if scoring.has_cloud]
    return Sent(sum(it.rows for it in sent), sum(it.batches for it in sent))


def _read(path: Path) -> Package:
    try:
        return Package.from_archive(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read package {str(path)!r}: {error.strerror}") from error
