"""The demo's three versions of a model, and the pictures that its cameras see."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.console import Console

from edge_contract.package import Package
from edgefleet.converting import convert
from edgefleet.demo import digits

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["DIRTY_SHARE", "MODEL", "make_packages", "save_images"]

MODEL: Final = "digits"
DIRTY_SHARE: Final = 0.3
"""Of the cameras, whose lenses get dirty."""


def make_packages(console: Console) -> tuple[dict[str, Package], digits.Digits]:
    """Train and convert the three versions; only their making shows which one is bad."""
    data = digits.load()
    images, labels = data.held_out
    as_now = digits.field_like(data, dirty_share=DIRTY_SHARE)
    shuffled = (images, np.random.default_rng(1).permutation(labels))
    recipes: dict[str, tuple[Callable[[], Pipeline], digits.Scans, str]] = {
        "1.0.0": (lambda: digits.train(data, augmented=False), data.held_out, "as scanned"),
        "1.1.0": (lambda: digits.train(data, augmented=True), as_now, "with dirty lenses added"),
        "1.2.0": (lambda: digits.train_broken(data), shuffled, "with labels shuffled by mistake"),
    }
    packages: dict[str, Package] = {}
    for version, (train, held_out, how) in recipes.items():
        with console.status(f"training {MODEL} {version} ({how})"):
            model = train()
        with console.status(f"converting {MODEL} {version}"):
            packages[version] = convert(
                model,
                *held_out,
                name=MODEL,
                version=version,
                description=f"Handwritten digits, 8 x 8 pixels; trained {how}.",
                lineage={"training": how, "rows": len(data.train[0])},
            )
    return packages, data


def save_images(path: Path, data: digits.Digits) -> Path:
    """Write what the cameras see and return the file."""
    np.savez(path, images=data.field[0], labels=data.field[1])
    return path
