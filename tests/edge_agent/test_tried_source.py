"""What comes from outside is tried before it is loaded."""

import logging
from pathlib import Path

import pytest

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.trial_process import TrialProcess
from edge_agent.tried_source import TriedSource
from edge_contract.errors import PackageError
from edge_contract.messages import Resources
from edge_contract.package import ArtifactRole
from tests.security.hostile_models import HOSTILE_MODELS
from tests.support.agent_device import Shelf
from tests.support.packages import altered, digits


class _Meter:
    """A device of which the test says how much memory is free."""

    def __init__(self, free_mb: float | None) -> None:
        self.free_mb = free_mb

    def process_bytes(self) -> int | None:
        return None

    def read(self) -> Resources:
        return Resources(memory_free_mb=self.free_mb)


def test_a_good_package_comes_through(tmp_path: Path) -> None:
    package, store = digits().package, FolderPackages(tmp_path)
    source = TriedSource(Shelf([package]), TrialProcess(), _Meter(4_000))

    source.fetch(package.digest, "", store)

    assert store.load(package.digest).manifest == package.manifest
    assert source.spent().whole_bytes == 1000


def test_a_package_that_fails_its_trial_is_refused_for_good(tmp_path: Path) -> None:
    make, _ = HOSTILE_MODELS["a loop without end"]
    bad = altered(digits().package, ArtifactRole.MODEL, lambda _: make())
    source = TriedSource(Shelf([bad]), TrialProcess(), _Meter(4_000))

    with pytest.raises(PackageError, match="runs for ever"):
        source.fetch(bad.digest, "", FolderPackages(tmp_path))


def test_a_package_that_comes_again_is_not_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    package = digits().package
    meter = _Meter(4_000)
    source = TriedSource(Shelf([package]), TrialProcess(), meter)
    source.fetch(package.digest, "", FolderPackages(tmp_path / "first"))
    meter.free_mb = 100.0  # now it could not be tried, and that would be told

    store = FolderPackages(tmp_path / "again")
    with caplog.at_level(logging.INFO, logger="edgefleet.agent"):
        source.fetch(package.digest, "", store)

    assert store.load(package.digest).manifest == package.manifest
    assert caplog.text == ""


@pytest.mark.parametrize("free_mb", [100.0, None])
def test_a_device_without_memory_to_spare_says_that_it_does_not_try(
    tmp_path: Path, free_mb: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    package, store = digits().package, FolderPackages(tmp_path)
    source = TriedSource(Shelf([package]), TrialProcess(), _Meter(free_mb))

    with caplog.at_level(logging.INFO, logger="edgefleet.agent"):
        source.fetch(package.digest, "", store)

    assert "was not tried beforehand: too little memory is free" in caplog.text
