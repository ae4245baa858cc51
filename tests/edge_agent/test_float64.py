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
from tests.edge_agent.serving.conftest import ServeAgent
from tests.support.packages import seconds

pytest_plugins = ("tests.edge_agent.serving.conftest",)

INFER = "/v2/models/minutes/infer"


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


def test_the_protocol_takes_fp64_as_json_and_as_bytes(agent: Agent, serve: ServeAgent) -> None:
    rows = seconds().rows.to_numpy()
    ask = serve(agent)
    tensor = {"name": "X", "datatype": "FP64", "shape": list(rows.shape)}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}]})

    told = ask("GET", "/v2/models/minutes").json
    by_json = ask.infer(INFER, inputs=[{**tensor, "data": rows.tolist()}])
    length = {"Inference-Header-Content-Length": str(len(head))}
    by_bytes = ask("POST", INFER, head.encode() + rows.tobytes(), length)

    assert told["inputs"] == [{"name": "X", "datatype": "FP64", "shape": [-1, 2]}]
    assert by_json.data["label"] == by_bytes.data["label"] == seconds().labels.tolist()


def test_fp32_is_taken_for_what_it_is(agent: Agent, serve: ServeAgent) -> None:
    rows = seconds().rows.to_numpy().astype(np.float32)
    tensor = {"name": "X", "datatype": "FP32", "shape": list(rows.shape), "data": rows.tolist()}

    told = serve(agent).infer(INFER, inputs=[tensor])

    labels = agent.predict(rows).labels
    assert labels is not None
    assert told.data["label"] == labels.tolist()


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
