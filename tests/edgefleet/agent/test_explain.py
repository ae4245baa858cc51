"""``edgefleet agent explain-telemetry``."""

from contextlib import closing
from pathlib import Path

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_agent.last_batch import LastBatch
from edge_contract.messages import encode
from tests.edgefleet.agent.conftest import Command
from tests.support.packages import mixed


def test_a_person_reads_what_left_the_device(edgefleet: Command, state: Path) -> None:
    with Agent(mixed().package, state=state, device="cam-7") as agent:
        agent.wait_ready()
        agent.predict(mixed().rows.head(3))
    with closing(SqliteBatchStore(state / "agent.db", wait_s=0.0)) as store:
        (batch,) = store.batches()
    LastBatch(state).note(encode(batch))

    outcome = edgefleet("explain-telemetry", "--state", str(state))

    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("Batch number 0 of life ")
    assert f"of device cam-7: {len(encode(batch))} bytes." in lines[0]
    assert "  3 rows in 1 calls, 0 failures, 0 dropped" in lines
    assert any(line.startswith("  feature:city: how often each category") for line in lines)
    assert lines[-1] == "There is no row in it, no text and no picture: only these counts."
    assert "Oslo" not in outcome.out


def test_where_nothing_left_a_person_is_told(edgefleet: Command, state: Path) -> None:
    outcome = edgefleet("explain-telemetry", "--state", str(state))

    assert outcome.code != 0
    assert "no batch has left" in outcome.err


def test_a_damaged_file_is_told(edgefleet: Command, state: Path) -> None:
    state.mkdir(exist_ok=True)
    LastBatch(state).note(b"\x01nothing")

    outcome = edgefleet("explain-telemetry", "--state", str(state))

    assert outcome.code != 0
    assert "cannot read" in outcome.err
