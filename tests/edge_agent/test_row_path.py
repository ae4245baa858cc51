"""Single rows take a short way; what they are told is what the long way would have told them."""

import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.adapters.inputs import Rows
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.recorder import Recorder
from edge_agent.agent import Agent
from edge_agent.prediction import Origin, Prediction, parse_id
from edge_agent.row_path import RowPath
from edge_agent.servable import Servable
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Counters
from edge_contract.package import Package, Role
from tests.support.packages import (
    Example,
    binary,
    digits,
    embedding,
    mixed,
    network,
    pictures,
    regression,
    touchy_digits,
    words,
)


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


def path_of(package: Package, recorder: Recorder) -> RowPath:
    path = servable_of(package, recorder).row_path
    assert path is not None
    return path


def answered(prediction: Prediction | None) -> Prediction:
    assert prediction is not None
    return prediction


def same(one: NDArray[np.generic] | None, other: NDArray[np.generic] | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())


def rows_of(recorder: Recorder, package: Package, latency: int = 0) -> list[list[float]]:
    """What the ring holds, without latencies."""
    ring = recorder.stream(package.digest, Role.PRIMARY).ring
    latency = latency or len(package.manifest.features) + 2
    rows = [row for block in ring.read(0, ring.mark.rows) for row in block.tolist()]
    return [[*row[:latency], *row[latency + 1 :]] for row in rows]


EXAMPLES: dict[str, Callable[[], Example]] = {
    "digits": digits,
    "regression": regression,
    "no labels": network,
    "pictures": pictures,
}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))
def test_both_ways_say_and_observe_the_same(
    example: Callable[[], Example], recorder: Recorder
) -> None:
    package, rows = example().package, example().rows
    servable = servable_of(package, recorder)
    path = servable.row_path
    assert path is not None

    for row in range(40):
        short = answered(path.predict(rows[row : row + 1], never))
        long = servable.serve(rows[row : row + 1], wake=never)
        assert same(short.labels, long.decoded.labels)
        assert same(short.probabilities, long.decoded.probabilities)
        assert same(short.values, long.decoded.values)
        assert all(map(same, short.tensors, long.outputs))
        assert parse_id(short.id).scores.tolist() == long.decoded.scores.tolist()

    observed = rows_of(recorder, package)
    assert len(observed) == 80
    assert [repr(row) for row in observed[::2]] == [repr(row) for row in observed[1::2]]


def test_an_embedding_is_observed_on_both_ways(recorder: Recorder) -> None:
    package, rows = embedding().package, embedding().rows
    servable = servable_of(package, recorder)
    assert servable.row_path is not None

    short = answered(servable.row_path.predict(rows[:1], never))
    servable.serve(rows[:1], wake=never)

    first, second = rows_of(recorder, package, latency=64 + 4 + 2)
    assert repr(first) == repr(second)
    assert first[64:68] == short.tensors[0][0].tolist()
    assert first[64:68] == pytest.approx(embedding().labels[0].tolist(), rel=1e-5)


def test_a_call_is_counted_as_one_with_its_latency(recorder: Recorder) -> None:
    path = path_of(digits().package, recorder)

    path.predict(digits().rows[:1], never)

    entries, _ = recorder.collect(time.time())
    assert entries[0].counters == Counters(rows=1, calls=1)
    ring = recorder.stream(digits().package.digest, Role.PRIMARY).ring
    assert 0.1 < ring.read(0, 1)[0][0, 66] < 1e6


FORMS: dict[str, Callable[[NDArray[np.float32]], Rows]] = {
    "an array": lambda row: row[None],
    "another order of memory": lambda row: np.asfortranarray(np.stack([row, row]))[:1],
    "a flat array": lambda row: row,
    "float64": lambda row: row[None].astype(np.float64),
    "whole numbers": lambda row: row[None].astype(np.int64),
    "a list of one": lambda row: [row.tolist()],
    "a flat list": lambda row: row.tolist(),
    "a tuple": lambda row: tuple(row.tolist()),
    "numbers of numpy": list,
    "by name": lambda row: {f"x{index}": row[index].item() for index in range(63, -1, -1)},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_a_row_may_come_in_many_forms(
    form: Callable[[NDArray[np.float32]], Rows], recorder: Recorder
) -> None:
    path = path_of(digits().package, recorder)

    prediction = answered(path.predict(form(digits().rows[7]), never))

    assert prediction.labels is not None
    assert prediction.labels.tolist() == digits().labels[7:8].tolist()
    (observed,) = rows_of(recorder, digits().package)
    assert observed[:64] == digits().rows[7].tolist()


LONGER: dict[str, Rows] = {
    "two rows": np.zeros((2, 64), np.float32),
    "no row": np.zeros((0, 64), np.float32),
    "too few values": np.zeros((1, 63), np.float32),
    "too few in a list": [0.0] * 63,
    "two rows of a list": [[0.0] * 64] * 2,
    "an empty list": [],
    "an empty row": [[]],
    "a text": [["1"] + [0.0] * 63],
    "a text behind": [[0.0] * 63 + ["1"]],
    "a gap": [[0.0] * 63 + [None]],
    "too large a whole number": [[0.0] * 63 + [10**400]],
    "complex numbers": np.zeros((1, 64), np.complex64),
    "texts": np.array([["1"] * 64]),
    "a masked array": np.ma.masked_array(np.zeros((1, 64), np.float32), mask=True),
    "a name too few": {f"x{index}": 0.0 for index in range(63)},
    "columns": {f"x{index}": [0.0] for index in range(64)},
    "nothing": None,  # type: ignore[dict-item]
}


@pytest.mark.parametrize("rows", LONGER.values(), ids=list(LONGER))
def test_all_else_goes_the_longer_way(rows: Rows, recorder: Recorder) -> None:
    path = path_of(digits().package, recorder)

    assert path.predict(rows, never) is None

    assert rows_of(recorder, digits().package) == []


def test_a_picture_may_come_alone_and_not_as_a_flat_list(recorder: Recorder) -> None:
    path = path_of(pictures().package, recorder)
    picture = pictures().rows[3]

    alone = answered(path.predict(picture.astype(np.float64), never))

    assert alone.labels is not None
    assert alone.labels.tolist() == pictures().labels[3:4].tolist()
    assert path.predict(picture.ravel().tolist(), never) is None
    assert rows_of(recorder, pictures().package)[0][:16] == picture.ravel().tolist()


def test_a_single_column_in_a_list_is_many_rows(tmp_path: Path) -> None:
    with Agent(network(inputs=1).package, state=tmp_path) as agent:
        agent.wait_ready()
        assert len(agent.predict([1.0, 2.0, 3.0])) == 3
        assert len(agent.predict([[1.0]])) == 1


def test_a_number_too_large_is_an_infinity_and_no_warning(recorder: Recorder) -> None:
    path = path_of(regression().package, recorder)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path.predict(np.array([[1e300, 0.0]]), never)
        path.predict([-1e300, 0.0], never)

    assert [row[0] for row in rows_of(recorder, regression().package)] == [math.inf, -math.inf]


@pytest.mark.parametrize("package", [mixed().package, words().package], ids=["mixed", "texts"])
def test_models_of_texts_go_the_longer_way(package: Package, recorder: Recorder) -> None:
    assert servable_of(package, recorder).row_path is None


def test_a_row_on_which_the_model_fails_is_refused_and_counted_once(tmp_path: Path) -> None:
    bad = digits().rows[:1].copy()
    bad[0, 0] = 100.0
    with Agent(touchy_digits(), state=tmp_path) as agent:
        agent.wait_ready()
        with pytest.raises(UnavailableError, match="the model failed"):
            agent.predict(bad)
        assert agent.predict(digits().rows[:1]).labels is not None
        mark = agent._parts.recorder.mark_of(touchy_digits().digest, Role.PRIMARY)
    assert mark == (1, 1, 1, 0)


def test_an_answer_stays_what_it_was(recorder: Recorder) -> None:
    path = path_of(digits().package, recorder)
    rows = digits().rows[:2].copy()

    first = answered(path.predict(rows[:1], never))
    rows[0] = 0.0
    answered(path.predict(rows[1:], never))

    assert first.labels is not None
    assert first.labels.tolist() == digits().labels[:1].tolist()
    assert first.labels is first.labels
    first.labels[0] = 5  # it is the caller's
    assert first.id == first.id


def test_threads_mix_no_rows(recorder: Recorder) -> None:
    package = regression().package
    path = path_of(package, recorder)
    together = threading.Barrier(4)
    wrong: list[float] = []

    def predict(worker: int) -> None:
        together.wait()
        for number in range(500):
            a, b = float(worker), float(number)
            values = answered(path.predict([a, b], never)).values
            if values is None or abs(values.item() - (2.0 * a - b + 3.0)) > 1e-3:
                wrong.append(number)

    threads = [threading.Thread(target=predict, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    observed = rows_of(recorder, package)
    assert len(observed) == 2000
    assert all(abs(2.0 * a - b + 3.0 - score) < 1e-3 for a, b, _, score in observed)


def test_a_ring_that_fills_up_asks_to_be_counted_and_loses_no_row(recorder: Recorder) -> None:
    package = regression().package
    path = path_of(package, recorder)
    woken = 0

    def wake() -> None:
        nonlocal woken
        woken += 1
        _, marks = recorder.collect(time.time())
        recorder.release(marks)

    for number in range(20_000):
        path.predict([1.0, float(number)], wake)

    assert woken == 2
    assert recorder.mark_of(package.digest, Role.PRIMARY) == (20_000, 20_000, 0, 0)


def test_an_answer_of_which_nobody_knows_the_layout_is_refused() -> None:
    with pytest.raises(UsageError, match="nobody said how answers of gate@1 stand in memory"):
        Prediction(bytearray(8), Origin("gate@1", "sha256:0")).id  # noqa: B018  it is read


def test_a_threshold_is_kept_on_both_ways(recorder: Recorder) -> None:
    package, rows = binary().package, binary().rows
    servable = servable_of(package, recorder)
    for row in range(60):
        served = servable.serve(rows[row : row + 1], wake=never)
        assert served.decoded.labels is not None
        assert served.decoded.labels.tolist() == binary().labels[row : row + 1].tolist()
