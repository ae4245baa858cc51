"""A single row in bound memory gets the answer that it gets in any other way."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine, OnnxRuntimeSession
from edge_contract.package import Package
from tests.support.packages import binary, digits, mixed, regression, words

TABLES = {
    "digits": (digits().package, digits().rows),
    "regression": (regression().package, regression().rows),
}

every_table = pytest.mark.parametrize(("package", "rows"), TABLES.values(), ids=TABLES)


def loaded(package: Package) -> OnnxRuntimeSession:
    return OnnxRuntimeEngine().load(package)


def bits(outputs: "list[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]") -> list[bytes]:
    return [output.tobytes() for output in outputs]


@every_table
def test_a_row_alone_is_answered_as_among_others(
    package: Package, rows: "np.ndarray[tuple[int, int], np.dtype[np.float32]]"
) -> None:
    session, name = loaded(package), package.manifest.inputs[0].name
    together = session.run({name: rows[:20]})

    alone = [session.run({name: rows[at : at + 1]}) for at in range(20)]

    assert session._row is not None, "it was bound"
    for output, given in enumerate(together):
        found = np.concatenate([answer[output] for answer in alone])
        assert (found.dtype, found.shape) == (given.dtype, given.shape)
        assert np.allclose(found, given, rtol=1e-5, atol=1e-6)  # larger batches add up otherwise


@every_table
def test_an_answer_is_the_callers_own(
    package: Package, rows: "np.ndarray[tuple[int, int], np.dtype[np.float32]]"
) -> None:
    session, name = loaded(package), package.manifest.inputs[0].name
    first = session.run({name: rows[:1]})
    before = bits(list(first))

    session.run({name: rows[1:2]})

    assert bits(list(first)) == before


def test_rows_that_lie_apart_in_memory_are_taken_as_they_are_meant() -> None:
    package, rows = digits().package, digits().rows
    session, name = loaded(package), package.manifest.inputs[0].name
    wide = np.repeat(rows[:1], 2, axis=1)

    assert bits(list(session.run({name: wide[:, ::2]}))) == bits(
        list(session.run({name: rows[:1]}))
    )


def test_threads_that_run_at_once_get_their_own_answers() -> None:
    package, rows = digits().package, digits().rows
    session, name = loaded(package), package.manifest.inputs[0].name
    expected = [bits(list(session.run({name: rows[at : at + 1]}))) for at in range(40)]

    def run(at: int) -> bool:
        return all(
            bits(list(session.run({name: rows[at : at + 1]}))) == expected[at] for _ in range(50)
        )

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(run, range(40)))


@pytest.mark.parametrize(
    "package",
    [binary().package, words().package, mixed().package],
    ids=["text labels", "text classes", "mixed inputs"],
)
def test_what_is_no_table_of_numbers_is_not_bound(package: Package) -> None:
    assert loaded(package)._row is None
