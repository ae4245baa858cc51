"""Versions of one small model: is ``x0 + x1 / 2`` above zero?"""

from pathlib import Path
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

import edgefleet

__all__ = ["MODEL", "make_packages"]

MODEL: Final = "gate"


def make_packages(folder: Path) -> dict[str, Path]:
    """Write 1.0.0, 1.1.0 of about the same quality, and 1.2.0, which has learnt nothing."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(8000, 4)).astype(np.float32)
    truths = (rows[:, 0] + 0.5 * rows[:, 1] + rng.normal(0.0, 0.1, len(rows)) > 0).astype(int)
    learnt = {"1.0.0": truths[:1000], "1.1.0": truths[:1000], "1.2.0": rng.integers(0, 2, 1000)}
    strength = {"1.0.0": 1.0, "1.1.0": 2.0, "1.2.0": 1.0}
    held_out, known = rows[2000:], truths[2000:]
    paths: dict[str, Path] = {}
    for version, labels in learnt.items():
        model = LogisticRegression(C=strength[version]).fit(rows[:1000], labels)
        paths[version] = folder / f"{MODEL}-{version}.modelpkg"
        edgefleet.convert(model, held_out, known, name=MODEL, version=version, out=paths[version])
    return paths
