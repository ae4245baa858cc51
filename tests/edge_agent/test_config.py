import os
import sys
from pathlib import Path

import pytest

from edge_agent.adapters.providers import runtime_facts
from edge_agent.config import (
    default_device,
    default_state_folder,
    hardware_facts,
    made,
    ring_folder,
)
from edge_contract.errors import UnavailableError
from edge_contract.names import checked_name
from edge_contract.package import canonical_json


@pytest.mark.parametrize(
    ("given", "name"),
    [("cam-7", "cam-7"), ("host.example.org", "host-example-org"), ("-é-", "device")],
)
def test_a_device_is_called_as_its_environment_says_in_allowed_characters(
    monkeypatch: pytest.MonkeyPatch, given: str, name: str
) -> None:
    monkeypatch.setenv("EDGEFLEET_DEVICE", given)
    assert default_device() == name == checked_name(name, "device")


def test_a_device_is_called_as_its_host_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGEFLEET_DEVICE", raising=False)
    checked_name(default_device(), "device")


def test_state_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFLEET_STATE", "/srv/edge")
    assert default_state_folder("lab", "cam-7") == Path("/srv/edge")


@pytest.mark.skipif(sys.platform != "linux", reason="others have other places")
def test_state_lies_in_a_folder_of_the_user_s_for_each_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EDGEFLEET_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    assert default_state_folder("lab", "cam-7") == Path("/srv/state/edgefleet/lab/cam-7")


def test_a_folder_is_made_for_this_user_only(tmp_path: Path) -> None:
    folder = made(tmp_path / "deep" / "folder")
    assert folder.is_dir()
    if os.name == "posix":
        assert folder.stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in its place")
    with pytest.raises(
        UnavailableError,
        match=r"cannot write to folder '.*file.state': Not a directory; make it writable or choose",
    ):
        made(tmp_path / "file" / "state")


@pytest.mark.skipif(sys.platform != "linux", reason="others have no such folder")
def test_a_folder_that_nobody_can_write_to_is_named() -> None:
    with pytest.raises(UnavailableError, match="cannot write to folder '/proc/self/task'"):
        made(Path("/proc/self/task"))


class TestRings:
    @pytest.fixture
    def memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A folder that stands for the memory file system."""
        if os.name != "posix":
            pytest.skip("only Unix has a memory file system")
        memory = tmp_path / "memory"
        memory.mkdir()
        monkeypatch.setattr("edge_agent.config._MEMORY", memory)
        return memory

    def test_they_lie_in_memory_in_the_same_folder_at_every_start(
        self, memory: Path, tmp_path: Path
    ) -> None:
        first = ring_folder(tmp_path / "state")
        made(first)
        assert first.parent == memory
        assert ring_folder(tmp_path / "state") == first
        assert ring_folder(tmp_path / "other") != first

    def test_they_lie_with_the_state_where_there_is_no_such_file_system(
        self, memory: Path, tmp_path: Path
    ) -> None:
        memory.rmdir()
        assert ring_folder(tmp_path / "state") == tmp_path / "state" / "rings"

    def test_hosts_that_share_a_memory_file_system_have_folders_of_their_own(
        self, memory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folders = set()
        for host in ("one", "two"):
            monkeypatch.setattr("platform.node", lambda host=host: host)
            folders.add(ring_folder(tmp_path / "state"))
        assert {folder.parent for folder in folders} == {memory}
        assert len({folder.name.rpartition("-")[0] for folder in folders}) == 2

    def test_a_folder_that_others_may_write_to_is_not_used(
        self, memory: Path, tmp_path: Path
    ) -> None:
        folder = ring_folder(tmp_path / "state")
        folder.mkdir()
        folder.chmod(0o777)
        assert ring_folder(tmp_path / "state") == tmp_path / "state" / "rings"

    def test_a_link_in_its_place_is_not_followed(self, memory: Path, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        ring_folder(tmp_path / "state").symlink_to(tmp_path / "elsewhere")
        assert ring_folder(tmp_path / "state") == tmp_path / "state" / "rings"


def test_what_the_cloud_is_told_of_the_hardware_is_plain_json() -> None:
    facts = {**hardware_facts(), **runtime_facts()}
    assert {"cpus", "machine", "system", "python", "onnxruntime", "providers"} <= facts.keys()
    assert canonical_json(dict(facts))
