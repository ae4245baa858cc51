"""Data frames of a real Spark are scored, and counted as the rows of any device."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from edge_contract.errors import UnavailableError, UsageError
from tests.integration.processes import ROOT, CloudProcess, eventually
from tests.support.packages import mixed

pytest.importorskip("pyspark")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)

from pyspark.sql import DataFrame, SparkSession, functions

from edgefleet import spark as edge_spark

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:pyspark", "ignore::ResourceWarning")


@pytest.fixture(scope="module")
def session() -> Iterator[SparkSession]:
    """Two cores on this machine; a task that fails is tried again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", str(ROOT))
        builder = SparkSession.builder.master("local[2,3]")
        for key, value in (
            ("spark.ui.enabled", "false"),
            ("spark.driver.bindAddress", "127.0.0.1"),
            ("spark.driver.host", "127.0.0.1"),
            ("spark.sql.shuffle.partitions", "2"),
        ):
            builder = builder.config(key, value)
        made = builder.getOrCreate()
        made.sparkContext.setLogLevel("OFF")
        yield made
        made.stop()


def test_a_partition_that_is_computed_again_counts_once(
    session: SparkSession, tmp_path: Path
) -> None:
    frame = _frame(session, mixed().rows).repartition(3)
    (tmp_path / "once").touch()

    def failing_once(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from batches
        if (tmp_path / "once").exists():
            (tmp_path / "once").unlink()
            raise OSError("the machine of this task goes away")

    with CloudProcess(tmp_path / "cloud") as cloud:
        _release(cloud, tmp_path)
        scoring = edge_spark.Scoring(mixed().package, cloud=cloud.broker_url, device="nightly")
        scored = scoring.predict(frame)
        answers = scored.mapInArrow(failing_once, scored.schema).toArrow()
        assert scored.union(scored).coalesce(1).count() == 2 * len(mixed().rows)

        sent = scoring.send()

        assert sent.rows == answers.num_rows == len(mixed().rows)
        eventually("rows arrive", lambda: cloud.client.summary().rows_merged >= sent.rows)
        assert cloud.client.summary().rows_merged == sent.rows
        assert cloud.client.device("nightly").rows_merged == sent.rows
        assert scoring.send() == (0, 0)
        scoring.close()
    assert not (tmp_path / "once").exists()


def test_answers_are_those_of_the_agent_and_a_row_that_does_not_fit_says_why(
    session: SparkSession,
) -> None:
    rows = mixed().rows.head(40).copy()
    rows["age"] = rows.age.astype(str)  # as CSV files have them
    rows.loc[7, "age"] = "forty"

    frame = _frame(session, rows).withColumn("read_at", functions.current_timestamp())

    answers = edge_spark.predict(frame, mixed().package).toArrow().to_pylist()

    (told,) = (answer for answer in answers if answer["age"] == "forty")
    assert told["error"] == "feature 'age' of model 'customers@1.0.0' is float32, got text 'forty'"
    assert told["label"] is told["probabilities"] is None
    right = [answer for answer in answers if answer["error"] is None]
    assert len(right) == 39
    expected = dict(zip(mixed().rows.income.head(40), mixed().labels[:40].tolist(), strict=True))
    assert len({answer["read_at"] for answer in answers}) == 1
    assert all(answer["label"] == expected[answer["income"]] for answer in right)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": "years"}, r"lacks 'age', which customers@1\.0\.0 takes; it has 'years', 'income'"),
        ({"city": "label"}, r"lacks 'city'"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_before_anything_is_computed(
    session: SparkSession, change: dict[str, str], reason: str
) -> None:
    frame = _frame(session, mixed().rows.rename(columns=change))

    with pytest.raises(UsageError, match=reason):
        edge_spark.predict(frame, mixed().package)


def test_two_columns_of_one_name_are_refused(session: SparkSession) -> None:
    frame = _frame(session, mixed().rows.assign(label=1))

    with pytest.raises(UsageError, match="two columns would be called 'label': rename"):
        edge_spark.predict(frame, mixed().package)


def test_what_a_cloud_out_of_reach_did_not_get_waits_for_the_next_time(
    session: SparkSession, tmp_path: Path
) -> None:
    cloud = CloudProcess(tmp_path / "cloud")
    scoring = edge_spark.Scoring(
        mixed().package, cloud=cloud.broker_url, device="nightly", state=tmp_path / "state"
    )
    rows = scoring.predict(_frame(session, mixed().rows.head(40))).count()

    with pytest.raises(UnavailableError, match=r"not acknowledged within 0.5 s .*: send again"):
        scoring.send(timeout_s=0.5)
    with cloud:
        _release(cloud, tmp_path)
        scoring.send()

        eventually("rows arrive", lambda: cloud.client.summary().rows_merged == rows)


def _release(cloud: CloudProcess, folder: Path) -> None:
    path = folder / "customers.modelpkg"
    path.write_bytes(mixed().package.to_archive())
    cloud.client.push(path)


def _frame(session: SparkSession, rows: pd.DataFrame) -> DataFrame:
    return session.createDataFrame(pa.Table.from_pandas(rows, preserve_index=False))
