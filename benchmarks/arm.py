"""Does an aarch64 device install, predict, count and update as any other?"""

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import numpy as np
import pytest
from rich.console import Console

from benchmarks.arm_system import ArmSystem, lacks
from benchmarks.harness import Figure, benchmark
from edge_agent.agent import Agent
from edgefleet.demo.versions import MODEL, make_packages
from tests.integration.processes import ROOT, CloudProcess, Outcome, cli, eventually

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_contract.package import Package
    from edge_contract.reading import JsonObject

__all__ = ["arm"]

_DEVICE: Final = "arm-1"
_SYSTEM: Final = ROOT / "build" / "arm"
_PATIENCE_S: Final = 300.0  # under emulation everything takes tens of times as long
_STATE: Final = "/var/lib/edgefleet"
_STORY: Final = ("1.0.0", "1.1.0")


class _Told(NamedTuple):
    """What the device answered to each row, and how long it took until the first answer came."""

    answers: "list[JsonObject]"
    seconds: float


@benchmark
def arm(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Install the agent on an emulated aarch64 Debian, predict, count, and take an update."""
    if reason := lacks():
        return [Figure("rows predicted on aarch64", None, "rows", peer=reason)]
    system = ArmSystem(_SYSTEM)
    system.make()
    began_s = time.monotonic()
    system.install_agent()
    install_s = time.monotonic() - began_s
    packages, data = make_packages(Console(quiet=True))
    images, _ = data.field
    chosen = np.random.default_rng(seed).choice(len(images), 20 if quick else 200, replace=False)
    rows = images[chosen]
    with tempfile.TemporaryDirectory() as name, CloudProcess(Path(name), interval_s=2.0) as cloud:
        files = {version: Path(name) / f"{version}.modelpkg" for version in _STORY}
        for version, path in files.items():
            path.write_bytes(packages[version].to_archive())
        _done(cli("model", "push", files["1.0.0"], cloud=cloud.url))
        with _Device(system, cloud.broker_url) as device:
            before = device.predict(rows)
            _done(cli("model", "push", files["1.1.0"], cloud=cloud.url))
            began_s = time.monotonic()
            answered = _roll_out(cloud, device, rows)
            update_s = time.monotonic() - began_s
            after = device.predict(rows)
            answered += len(before.answers) + len(after.answers)
            merged = eventually(
                "all rows arrive",
                lambda: (found := cloud.client.summary().rows_merged) >= answered and found,
                within_s=_PATIENCE_S,
            )
        facts = cloud.client.device(_DEVICE).facts
    wrong = _differing(packages["1.0.0"], rows, before) + _differing(packages["1.1.0"], rows, after)
    return [
        Figure("installing the agent from wheels", install_s, "s", peer="emulated"),
        Figure("start of the agent to its first answer", before.seconds, "s", peer="emulated"),
        Figure("rows answered", answered, "rows", peer=f"by {facts.get('machine')}"),
        Figure("answers other than this machine's", wrong, "rows", 0.0, peer="both versions"),
        Figure("rows merged", merged, "rows", answered, at_most=False),
        Figure("rollout of 1.1.0, all at once", update_s, "s", peer="emulated"),
    ]


def _roll_out(cloud: CloudProcess, device: "_Device", rows: "NDArray[np.float32]") -> int:
    """Update the device while it goes on answering; return how many answers it gave."""
    cloud.client.start_rollout(
        MODEL, "1.1.0", strategy="all-at-once", bake_s=5, min_rows=20, max_wait_s=_PATIENCE_S
    )
    answered = 0
    while (rollout := cloud.client.rollout()).ended_unix_s is None:
        answered += len(device.predict(rows[:5]).answers)
    if rollout.state != "succeeded":
        raise AssertionError(f"{rollout.state}: {rollout.sentence}")
    return answered


class _Device:
    """``edgefleet agent run`` on the system, asked row by row."""

    def __init__(self, system: ArmSystem, broker: str) -> None:
        system.forget(_STATE)
        command = system.command(
            *("/venv/bin/edgefleet", "agent", "run", MODEL, "--cloud", broker),
            *("--device", _DEVICE, "--state", _STATE, "--interval", "2"),
        )
        self._began_s = time.monotonic()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._process as process:
            try:
                process.communicate(timeout=60.0)  # the end of the rows ends the agent
            finally:
                process.kill()

    def predict(self, rows: "NDArray[np.float32]") -> _Told:
        """Have rows answered, one after another."""
        answers: list[JsonObject] = []
        first_s = 0.0
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for row in rows.tolist():
            self._process.stdin.write(json.dumps(row) + "\n")
            self._process.stdin.flush()
            answers.append(json.loads(self._process.stdout.readline()))
            first_s = first_s or time.monotonic() - self._began_s
        return _Told(answers, first_s)


def _differing(package: "Package", rows: "NDArray[np.float32]", told: _Told) -> int:
    """Return how many answers have another label or score, or come from another version."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.modelpkg"
        path.write_bytes(package.to_archive())
        with Agent(str(path), state=Path(name) / "state") as agent:
            expected = [agent.predict(row) for row in rows]
    return sum(
        answer.get("model") != right.model
        or right.labels is None
        or answer["label"] != right.labels.tolist()[0]
        or right.probabilities is None
        or answer["probabilities"] != pytest.approx(right.probabilities[0].tolist(), abs=1e-5)
        for answer, right in zip(told.answers, expected, strict=True)
    )


def _done(outcome: Outcome) -> None:
    if outcome.code:
        raise AssertionError(f"a step ended with {outcome.code}: {outcome.err or outcome.out}")
