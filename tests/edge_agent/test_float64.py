"""Models whose inputs are float64 get every digit that the caller has, whichever way rows come."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import parquet

from edge_agent.adapters.inputs import Rows
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_contract.package import Role, feature_subject, profile_specs
from tests.edge_agent.batch.conftest import run_job
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import seconds


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    agent = make_agent(seconds().package)
    agent.wait_ready()
    return agent


TIMES: Final = ("time", "load")
WAYS: Mapping[str, Callable[[pd.DataFrame], Rows]] = {
    "table": lambda rows: rows,
    "array": lambda rows: rows.to_numpy(),
    "lists": lambda rows: rows.to_numpy().tolist(),
    "columns": lambda rows: {name: rows[name].tolist() for name in TIMES},
    "records": lambda rows: rows.to_dict("records"),
    "whole input": lambda rows: {"X": rows.to_numpy()},
    "arrow": pyarrow.Table.from_pandas,
    "texts": lambda rows: {name: [repr(float(it)) for it in rows[name]] for name in TIMES},
}


def test_the_example_needs_float64(agent: Agent) -> None:
    package, rows, labels = seconds()
    single = rows.astype(np.float32).astype(np.float64)

    assert [str(spec) for spec in package.manifest.inputs] == ["float64[batch, 2]"]
    rounded = agent.predict(single).labels
    assert rounded is not None
    assert (rounded == labels).mean() < 0.75


@pytest.mark.parametrize("way", WAYS)
def test_many_rows_keep_their_digits(agent: Agent, way: str) -> None:
    prediction = agent.predict(WAYS[way](seconds().rows))

    assert prediction.labels is not None
    assert prediction.labels.tolist() == seconds().labels.tolist()


@pytest.mark.parametrize("way", WAYS)
def test_single_rows_keep_their_digits(agent: Agent, way: str) -> None:
    rows = seconds().rows[:40]

    found = [agent.predict(WAYS[way](rows[row : row + 1])).labels for row in range(40)]

    assert [it.tolist() for it in found if it is not None] == [
        [label] for label in seconds().labels[:40].tolist()
    ]


def test_rows_of_float32_are_taken_for_what_they_are(agent: Agent) -> None:
    single = seconds().rows.to_numpy().astype(np.float32)

    found, expected = agent.predict(single), agent.predict(single.astype(np.float64))

    assert found.probabilities is not None
    assert expected.probabilities is not None
    assert found.probabilities.tolist() == expected.probabilities.tolist()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_files_keep_their_digits(agent: Agent, tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"rows{suffix}", tmp_path / "out.jsonl"
    rows = seconds().rows
    match suffix:
        case ".csv":
            rows.to_csv(source, index=False)
        case ".jsonl":
            lines = [json.dumps(record) for record in rows.to_dict("records")]
            source.write_text("\n".join(lines))
        case _:
            parquet.write_table(pyarrow.Table.from_pandas(rows), source)

    run_job(agent, source, target)

    found = [json.loads(line)["label"] for line in target.read_text().splitlines()]
    assert found == seconds().labels.tolist()


def test_what_is_counted_is_what_the_author_counted(agent: Agent) -> None:
    package = seconds().package
    agent.predict(seconds().rows)
    agent.close(drain_s=0.0)

    with closing(SqliteBatchStore(agent.state / "agent.db", wait_s=0.0)) as store:
        (entry,) = [entry for batch in store.batches() for entry in batch.entries]
    reference = package.reference()
    found = profile_specs(package.manifest, reference)[Role.PRIMARY].decode(entry.profile)
    for name in ("time", "load"):
        subject = feature_subject(name)
        expected = reference.profile.find(subject, "sketch")
        assert expected is not None
        assert found.find(subject, "sketch") == expected
