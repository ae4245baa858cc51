"""What a ring finds at its path: its own rows, damage, another's file, or no room."""

import struct
from pathlib import Path

import numpy as np
import pytest

from edge_agent.adapters.ring import Ring, RingMark
from edge_contract.errors import UnavailableError
from tests.edge_agent.adapters.rings import numbered, numbers_in
from tests.support.disks import files_of_at_most


def test_calls_and_other_counters_survive_together(path: Path) -> None:
    ring = Ring(path, 3)
    ring.lay_out_calls(0)
    ring.append_call(np.zeros((1, 0), np.float32), 1.0, 2.0, 3.0)
    ring.count(calls=5, failures=1, dropped=4)
    ring.append_call(np.zeros((1, 0), np.float32), 4.0, 5.0, 6.0)
    ring.close()

    again = Ring(path, 3)

    assert again.mark == RingMark(rows=2, calls=7, failures=1, dropped=4)
    assert again.opened_unix_s > 1.7e9
    again.close()


def test_everything_is_there_after_the_ring_is_opened_again(path: Path) -> None:
    ring = Ring(path, 3)
    ring.append([numbered(0, 5)], 5, 10.0, calls=2)
    ring.count(failures=1, dropped=4)
    ring.release(2, 9.0)
    name = ring.ring_id
    ring.close()

    again = Ring(path, 3)

    assert (again.ring_id, again.mark) == (name, RingMark(5, 2, 1, 4))
    assert (again.released, again.free, again.opened_unix_s) == (2, 16381, 9.0)
    assert numbers_in(again, 2, 5) == [2.0, 3.0, 4.0]
    assert Ring.id_at(path) == name
    again.close()


@pytest.mark.parametrize("width", [2, 4, 2000])
def test_a_file_of_another_width_is_made_anew_under_another_identifier(
    path: Path, width: int
) -> None:
    ring = Ring(path, 3)
    ring.append([numbered(0, 5)], 5, 10.0)
    name = ring.ring_id
    ring.close()

    other = Ring(path, width)

    assert (other.mark, other.free) == (RingMark(), other.rows)
    assert other.ring_id != name
    other.close()


def test_a_ring_of_another_owner_is_made_anew(path: Path) -> None:
    ring = Ring(path, 3, owner=1)
    ring.append([numbered(0, 5)], 5, 10.0)
    name = ring.ring_id
    ring.close()

    other = Ring(path, 3, owner=2)

    assert other.mark == RingMark()
    assert other.ring_id != name
    other.close()


@pytest.mark.parametrize(
    ("place", "word"),
    [
        pytest.param(0, 12345, id="no magic number"),
        pytest.param(3, 9, id="another number of rows"),
        pytest.param(6, 6, id="more rows released than there are"),
        pytest.param(8, 2**40, id="more rows than fit"),
    ],
)
def test_a_damaged_header_makes_a_new_ring(path: Path, place: int, word: int) -> None:
    ring = Ring(path, 3)
    ring.append([numbered(0, 3)], 3, 10.0)
    ring.append([numbered(3, 2)], 2, 10.0)  # the counters are in the first of their two places
    name = ring.ring_id
    ring.close()
    with path.open("r+b") as file:
        file.seek(8 * place)
        file.write(struct.pack("=Q", word))

    mended = Ring(path, 3)

    assert (mended.mark, mended.free) == (RingMark(), 16384)
    assert mended.ring_id != name
    mended.close()


def test_a_file_that_is_cut_off_makes_a_new_ring(path: Path) -> None:
    Ring(path, 3).close()
    with path.open("r+b") as file:
        file.truncate(1000)

    ring = Ring(path, 3)

    ring.append([numbered(0, 3)], 3, 10.0)
    assert numbers_in(ring, 0, 3) == [0.0, 1.0, 2.0]
    ring.close()


def test_no_file_has_no_identifier_nor_has_one_of_something_else(path: Path) -> None:
    assert Ring.id_at(path) is None
    path.write_bytes(b"short")
    assert Ring.id_at(path) is None
    path.write_bytes(b"something else entirely")
    assert Ring.id_at(path) is None


def test_a_full_disk_refuses_the_ring_and_leaves_no_file(path: Path) -> None:
    with (
        files_of_at_most(10_000),
        pytest.raises(UnavailableError, match=r"cannot make file '.*rows\.ring' \(196736 bytes\)"),
    ):
        Ring(path, 3)
    assert not path.exists()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"missing.*: No such file or directory"):
        Ring(tmp_path / "missing" / "rows.ring", 3)
