from pathlib import Path

import pytest

from edge_agent.left_rings import claim_rings, sweep_rings


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


def rings_of(memory: Path, name: str, state: Path) -> Path:
    rings = memory / name
    rings.mkdir()
    (rings / "x-primary.ring").write_bytes(b"rows")
    claim_rings(rings, state)
    return rings


def test_rings_whose_state_is_gone_are_removed_and_no_others(memory: Path, tmp_path: Path) -> None:
    for state in ("ours", "alive"):
        (tmp_path / state).mkdir()
    ours = rings_of(memory, "edgefleet-0-host-1", tmp_path / "ours")
    alive = rings_of(memory, "edgefleet-0-host-2", tmp_path / "alive")
    gone = rings_of(memory, "edgefleet-0-host-3", tmp_path / "gone")
    other_host = rings_of(memory, "edgefleet-0-else-4", tmp_path / "unknown here")

    sweep_rings(ours)

    assert {path for path in memory.iterdir() if path != gone} == {ours, alive, other_host}
    assert not gone.exists()


def test_a_folder_that_says_nothing_of_its_owner_is_left_alone(
    memory: Path, tmp_path: Path
) -> None:
    ours = rings_of(memory, "edgefleet-0-host-1", tmp_path)
    (memory / "edgefleet-0-host-2").mkdir()

    sweep_rings(ours)

    assert (memory / "edgefleet-0-host-2").exists()


def test_rings_in_their_state_folder_have_no_neighbours(tmp_path: Path) -> None:
    (tmp_path / "state" / "rings").mkdir(parents=True)
    (tmp_path / "state" / "packages").mkdir()

    sweep_rings(tmp_path / "state" / "rings")

    assert (tmp_path / "state" / "packages").exists()
