from pathlib import Path

from edge_agent.left_rings import claim_rings, sweep_rings


def ring_folder_of(memory: Path, name: str, state: Path) -> Path:
    rings = memory / f"edgefleet-0-{name}"
    rings.mkdir()
    (rings / "some.ring").write_bytes(b"rows")
    claim_rings(rings, state)
    return rings


def test_rings_whose_state_folder_is_gone_are_removed_and_all_others_stay(tmp_path: Path) -> None:
    mine, living = tmp_path / "mine", tmp_path / "living"
    mine.mkdir()
    living.mkdir()
    kept = ring_folder_of(tmp_path, "a", mine)
    neighbour = ring_folder_of(tmp_path, "b", living)
    left = ring_folder_of(tmp_path, "c", tmp_path / "deleted")
    foreign = tmp_path / "edgefleet-0-d"
    foreign.mkdir()

    sweep_rings(kept)

    assert kept.is_dir()
    assert neighbour.is_dir()
    assert foreign.is_dir()
    assert not left.exists()


def test_rings_in_the_state_folder_itself_are_not_swept(tmp_path: Path) -> None:
    rings = tmp_path / "rings"
    rings.mkdir()
    claim_rings(rings, tmp_path)

    sweep_rings(rings)

    assert rings.is_dir()
