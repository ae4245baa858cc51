"""What a fresh process takes until its first prediction: an agent's, and the barest others."""

import os
import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np

from benchmarks.harness import Figure
from benchmarks.inference_models import Model

__all__ = ["footprints"]

_PROGRAM: Final = Path(__file__).parent / "peer_programs" / "first_prediction.py"
_LIMIT_S: Final = 120.0
_NOBODY: Final = "mqtt://127.0.0.1:9"


class _Measured(NamedTuple):
    """What processes of a kind took."""

    first_ms: float
    resident_mb: float
    processor_ms: float


def footprints(model: Model, *, processes: int, memory_target_mb: float) -> list[Figure]:
    """Start processes in turns and wait for the first prediction of each.

    Args:
        model: Is predicted with.
        processes: Of each kind.
        memory_target_mb: What an agent's may take at most.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.onnx").write_bytes(model.package.model())
        (folder / "model.modelpkg").write_bytes(model.package.to_archive())
        (folder / "model.pickle").write_bytes(pickle.dumps(model.trained))
        np.save(folder / "row.npy", model.rows[:1])
        found = _measured(folder, processes)
    bare, agent, linked, framework = (
        found[kind] for kind in ("onnxruntime", "agent", "linked", "framework")
    )
    what = f"{model.name}, {len(model.package.model()) / 1e6:.1f} MB, fresh process"
    peer, other = "onnxruntime alone", "scikit-learn and pickle"
    return [
        Figure(f"{what}: agent's first prediction", agent.first_ms, "ms"),
        Figure(f"{what}: onnxruntime's first prediction", bare.first_ms, "ms"),
        Figure(
            f"{what}: agent / onnxruntime, first prediction",
            agent.first_ms / bare.first_ms,
            "x",
            1.3,
            peer=peer,
        ),
        Figure(
            f"{what}: the same, processor time",
            agent.processor_ms / bare.processor_ms,
            "x",
            1.3,
            peer=peer,
        ),
        Figure(
            f"{what}: the same, with a link and the state folder of an earlier start",
            linked.first_ms / bare.first_ms,
            "x",
            1.3,
            peer=peer,
        ),
        Figure(
            f"{what}: that, processor time",
            linked.processor_ms / bare.processor_ms,
            "x",
            1.3,
            peer=peer,
        ),
        Figure(
            f"{what}: scikit-learn / agent, first prediction",
            framework.first_ms / agent.first_ms,
            "x",
            peer=other,
        ),
        Figure(f"{what}: agent's resident memory, no cloud", agent.resident_mb, "MB"),
        Figure(
            f"{what}: agent's resident memory, looking for its cloud",
            linked.resident_mb,
            "MB",
            memory_target_mb,
        ),
        Figure(f"{what}: onnxruntime's resident memory", bare.resident_mb, "MB", peer=peer),
        Figure(f"{what}: scikit-learn's resident memory", framework.resident_mb, "MB", peer=other),
    ]


def _measured(folder: Path, processes: int) -> dict[str, _Measured]:
    kinds: Sequence[str] = ("onnxruntime", "agent", "linked", "framework")
    found: dict[str, list[_Measured]] = {kind: [] for kind in kinds}
    _one("settled", folder)  # a device has run for a while before
    for number in range(processes + 1):
        for kind in kinds:
            measured = _one(kind, folder)
            if number:  # the first of each reads its files from the disk
                found[kind].append(measured)
    return {kind: _typical(each) for kind, each in found.items()}


def _typical(processes: Sequence[_Measured]) -> _Measured:
    """Return the least time, which is the one that other work of the machine adds least to."""
    first_ms, resident_mb, processor_ms = zip(*processes, strict=True)
    return _Measured(min(first_ms), statistics.median(resident_mb), min(processor_ms))


def _one(kind: str, folder: Path) -> _Measured:
    began_s = time.time()
    command = [sys.executable, str(_PROGRAM), kind, str(folder), _NOBODY]
    # An installed package has its bytecode, whatever this process may write.
    writing = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=_LIMIT_S, env=writing
    )
    first_s, resident_mb, processor_s = map(float, done.stdout.split()[-3:])
    return _Measured((first_s - began_s) * 1e3, resident_mb, processor_s * 1e3)
