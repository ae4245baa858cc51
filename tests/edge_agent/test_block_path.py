"""Ready arrays of many rows take a short way; nobody can tell but by the clock."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.adapters import block_stream
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.recorder import Recorder
from edge_agent.agent import Agent
from edge_agent.block_path import BlockPath
from edge_agent.prediction import Prediction
from edge_agent.servable import Servable
from edge_contract.messages import Counters, WindowEntry
from edge_contract.package import LATENCY, Package, Role, profile_specs
from tests.support.disks import files_of_at_most
from tests.support.packages import (
    Example,
    digits,
    embedding,
    network,
    pictures,
    regression,
    touchy_digits,
    words,
)

EXAMPLES: dict[str, Callable[[], Example]] = {
    "digits": digits,
    "regression": regression,
    "embedding": embedding,
    "no labels": network,
    "pictures": pictures,
}


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path, {})
    yield recorder
    recorder.close()


def never() -> None:
    raise AssertionError("there is room enough")


def servable_of(package: Package, recorder: Recorder) -> Servable:
    recorder.knows(package.digest, package.manifest, package.reference())
    session = OnnxRuntimeEngine().load(package)
    return Servable(package, package.digest, session=session, recorder=recorder, salt="f")


def path_of(servable: Servable) -> BlockPath:
    assert servable.block_path is not None
    return servable.block_path


def answered(prediction: Prediction | None) -> Prediction:
    assert prediction is not None
    return prediction


def entry_of(recorder: Recorder) -> WindowEntry:
    (entry,), marks = recorder.collect(time.time())
    recorder.release(marks)
    return entry


def counts_of(entry: WindowEntry, package: Package) -> dict[int, object]:
    """Everything that was counted, but latencies."""
    columns = profile_specs(package.manifest, package.reference())[Role.PRIMARY].columns
    states = entry.profile.items()
    return {key: state for key, state in states if columns[key].subject != LATENCY}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
@pytest.mark.parametrize("count", [2, 33])
def test_both_ways_say_and_count_the_same(
    example: Callable[[], Example], count: int, recorder: Recorder
) -> None:
    package, rows = example().package, example().rows[:count]
    servable = servable_of(package, recorder)

    short = answered(path_of(servable).predict(rows, never))
    observed = entry_of(recorder)
    long = servable.serve(rows, wake=never)
    expected = entry_of(recorder)

    for found, wanted in (
        (short.labels, long.decoded.labels),
        (short.probabilities, long.decoded.probabilities),
        (short.values, long.decoded.values),
    ):
        assert (found is None) == (wanted is None)
        assert found is None or wanted is None or found.tolist() == wanted.tolist()
    assert len(short) == count
    assert observed.counters == expected.counters == Counters(rows=count, calls=1)
    assert counts_of(observed, package) == counts_of(expected, package)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((1, 64), np.float32),
        np.zeros((0, 64), np.float32),
        np.zeros((4, 64)),
        np.zeros((4, 63), np.float32),
        np.zeros(64, np.float32),
        np.float32(1.0),
        [[0.0] * 64] * 2,
    ],
    ids=["one row", "none", "float64", "too narrow", "flat", "no array", "lists"],
)
def test_other_rows_go_the_longer_way(rows: object, recorder: Recorder) -> None:
    servable = servable_of(digits().package, recorder)
    assert path_of(servable).predict(rows, never) is None  # type: ignore[arg-type]
    assert recorder.rows_observed() == 0


def test_rows_that_are_not_contiguous_are_observed_as_they_are(recorder: Recorder) -> None:
    servable = servable_of(digits().package, recorder)
    rows = np.asfortranarray(digits().rows[:20])
    path_of(servable).predict(rows, never)
    observed = entry_of(recorder)
    path_of(servable).predict(digits().rows[:20], never)

    expected = entry_of(recorder)
    assert counts_of(observed, digits().package) == counts_of(expected, digits().package)


def test_a_model_that_fails_is_told_by_the_longer_way(recorder: Recorder) -> None:
    servable = servable_of(touchy_digits(), recorder)
    rows = digits().rows[:2].copy()
    rows[:, 0] = 100.0
    assert path_of(servable).predict(rows, never) is None
    assert recorder.rows_observed() == 0


def test_models_of_texts_have_no_short_way(recorder: Recorder) -> None:
    assert servable_of(words().package, recorder).block_path is None


def test_without_room_for_a_log_rows_go_the_longer_way(tmp_path: Path, recorder: Recorder) -> None:
    servable = servable_of(digits().package, recorder)
    with files_of_at_most(1000):
        assert path_of(servable).predict(digits().rows[:2], never) is None
    assert path_of(servable).predict(digits().rows[:2], never) is None  # and is not tried again
    assert not list(tmp_path.glob("*.blocks"))


def test_what_no_batch_holds_is_counted_by_the_next_life(tmp_path: Path) -> None:
    package, rows = digits().package, digits().rows
    first = Recorder(tmp_path, {})
    servable = servable_of(package, first)
    path_of(servable).predict(rows[:30], never)
    _, marks = first.collect(time.time())
    path_of(servable).predict(rows[:50], never)  # killed here

    second = Recorder(tmp_path, marks)
    second.knows(package.digest, package.manifest, package.reference())

    assert entry_of(second).counters == Counters(rows=50, calls=1)
    assert second.stale_marks() == []
    assert second.rows_observed() == 80
    second.forget_others([])
    assert not list(tmp_path.iterdir())


def test_calls_larger_than_all_room_are_counted_wholly(tmp_path: Path) -> None:
    rows = np.resize(digits().rows, (150_000, 64))  # 47 MB with their answers
    with Agent(digits().package, state=tmp_path / "state") as agent:
        agent.predict(rows)
        agent.predict(rows[:3])
        assert agent.rows_observed() == 150_003
        assert agent._parts.recorder.mark_of(digits().package.digest, "primary").calls == 2


def test_a_log_that_nobody_empties_holds_up_one_call_and_drops_what_it_says(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_stream, "_FULL_WAIT_S", 0.05)
    servable = servable_of(digits().package, recorder)
    rows = np.resize(digits().rows, (10_000, 64))
    asked = threading.Event()
    while not asked.is_set():
        answered(path_of(servable).predict(rows, asked.set))
    before = recorder.mark_of(digits().package.digest, "primary")

    for _ in range(3):
        answered(path_of(servable).predict(rows, asked.set))

    after = recorder.mark_of(digits().package.digest, "primary")
    assert after.rows - before.rows + after.dropped == 30_000
    assert after.calls - before.calls == 3
    assert after.dropped >= 10_000


def test_threads_that_predict_blocks_while_rows_are_collected_are_all_counted_once(
    recorder: Recorder,
) -> None:
    servable = servable_of(digits().package, recorder)
    path, rows = path_of(servable), digits().rows
    collected = 0

    def predict() -> None:
        for size in range(2, 202):
            path.predict(rows[:size], lambda: None)

    threads = [threading.Thread(target=predict) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        entries, marks = recorder.collect(time.time())
        recorder.release(marks)
        collected += sum(entry.counters.rows for entry in entries)
    for thread in threads:
        thread.join()
    entries, _ = recorder.collect(time.time())

    assert collected + sum(e.counters.rows for e in entries) == 4 * sum(range(2, 202))
