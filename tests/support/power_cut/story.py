"""The story that is cut: an agent gets versions, good and bad, and is restarted in between.

Run as ``python -m tests.support.power_cut.story FOLDER`` with the packages in the folder that
``STORY_PACKAGES`` names. After every state that it tells the cloud it writes down what it serves.
"""

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np

from edge_agent.adapters.http_source import HttpSource
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.local_package import read_package
from edge_contract.errors import UnavailableError
from edge_contract.messages import Acks, BootAck, TelemetryBatch
from edge_contract.package import Package
from tests.support.agent_device import Device
from tests.support.http_registry import HttpRegistry, running
from tests.support.links import wait_until
from tests.support.power_cut.recording import MARKS

__all__ = ["PACKAGES", "VERSIONS", "Note", "hopeless_in", "live", "registry_of", "write_packages"]

PACKAGES: Final = "STORY_PACKAGES"
"""The variable that names their folder."""

VERSIONS: Final = ("1.0.0", "1.1.0", "1.2.0", "1.3.0")
"""Good, good, one that is not what its author said, and one that fails while it serves."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the agent told of itself at one moment; by then it must be durable.

    Attributes:
        boot: Its life.
        serving: Digest of what answers calls.
        last_good: Digest of what it would go back to.
        bad: Digests that failed.
    """

    boot: int
    serving: str
    last_good: str
    bad: tuple[str, ...]

    @classmethod
    def of(cls, device: Device) -> Self:
        deployer = device.core.deployers["digits"]
        report = deployer.report()
        bad = tuple(slot.digest for slot in report.slots if slot.state == "bad")
        return cls(device.core.boot, report.serving, deployer.last_good, bad)

    def is_like(self, other: Self) -> bool:
        """Return whether they differ at most in the life."""
        return (self.serving, self.last_good, self.bad) == (
            other.serving,
            other.last_good,
            other.bad,
        )

    @classmethod
    def read(cls, line: bytes) -> Self:
        found = json.loads(line)
        return cls(**{**found, "bad": tuple(found["bad"])})


def write_packages(folder: Path, packages: list[Package]) -> None:
    """Put the packages of :data:`VERSIONS` where the story finds them."""
    folder.mkdir()
    for package in packages:
        (folder / f"{package.manifest.version}.modelpkg").write_bytes(package.to_archive())


def hopeless_in(folder: Path) -> frozenset[str]:
    """Return the digests of versions that no device can run."""
    return frozenset({read_package(folder / "1.2.0.modelpkg").digest})


def registry_of(folder: Path) -> tuple[HttpRegistry, list[Package]]:
    """Return a registry that has the packages, and the packages."""
    packages = [read_package(folder / f"{version}.modelpkg") for version in VERSIONS]
    registry = HttpRegistry()
    for package in packages:
        registry.put(package)
    return registry, packages


@contextlib.contextmanager
def _life(folder: Path, rings: Path) -> Iterator[Device]:
    """A connected device that notes what it tells."""
    notes = (folder / MARKS).open("ab", buffering=0)
    device: list[Device] = []

    def note(_report: object) -> None:
        if device:
            notes.write(json.dumps(asdict(Note.of(device[0]))).encode() + b"\n")

    source = HttpSource("127.0.0.1", patience_s=0.0)
    made = Device(folder, source, OnnxRuntimeEngine(), rings=rings, on_report=note)
    device.append(made)
    made.start()
    made.link.connect()
    try:
        yield made
    finally:
        made.let_go()
        notes.close()


def live(folder: Path, packages_folder: Path, rings: Path) -> None:
    """Live through everything once."""
    registry, (first, second, false, touchy) = registry_of(packages_folder)
    with running(registry):
        with _life(folder, rings) as device:
            _get_two_versions(device, first, second, url=registry.url)
        with _life(folder, rings) as device:
            device.wait_for_version("1.1.0")
            _refuse_two_versions(device, second, false, touchy, url=registry.url)


def _get_two_versions(device: Device, first: Package, second: Package, *, url: str) -> None:
    """The first version, the second one in the shadow, on trial, and confirmed."""
    device.desire(1, first, url=url)
    device.wait_for_version("1.0.0")
    device.predict(3)
    device.desire(2, first, shadow=second, url=url)
    wait_until(lambda: device.states().get("1.1.0") == "shadow")
    device.predict(3)
    _acknowledge(device)
    device.desire(3, second, url=url, trial_calls=3)
    device.wait_for_version("1.1.0")
    device.predict(4)
    wait_until(lambda: device.states().get("1.1.0") == "active")


def _refuse_two_versions(
    device: Device, second: Package, false: Package, touchy: Package, *, url: str
) -> None:
    """One version is never loaded, the other one is taken back; both are quarantined."""
    device.desire(4, false, url=url, trial_calls=3)
    wait_until(lambda: device.states().get("1.2.0") == "bad")
    device.predict(2)
    device.desire(5, touchy, url=url, trial_calls=1000)
    device.wait_for_version("1.3.0")
    row = np.zeros((1, 64), np.float32)
    row[0, 0] = 100.0
    routing = device.shell.switches["digits"].routing
    assert routing is not None
    with contextlib.suppress(UnavailableError):
        routing.serve.serve(row, wake=device.shell.collect_soon)
    device.wait_for_version("1.1.0")
    device.desire(6, second, url=url)
    device.predict(2)
    _acknowledge(device)


def _acknowledge(device: Device) -> None:
    """Let the collector have everything, as soon as anything was sent."""
    before = len(device.link.said(TelemetryBatch))
    wait_until(lambda: len(device.link.said(TelemetryBatch)) > before)
    latest = max(batch.batch_id for batch in device.link.said(TelemetryBatch))
    device.link.deliver(device.core.topics.acks, Acks((BootAck(latest.boot, latest.seq + 1),)))
    wait_until(lambda: latest not in [batch.batch_id for batch in device.store.batches()])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as in_memory:
        live(Path(sys.argv[1]), Path(os.environ[PACKAGES]), Path(in_memory))
