"""The demo's data and models: scikit-learn's handwritten digits, as cameras see them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    Scans: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]

__all__ = [
    "DIRTY",
    "Digits",
    "dirty_lens",
    "field_like",
    "load",
    "sensor_noise",
    "train",
    "train_broken",
]

DIRTY: Final = 0.85
"""How dirty the demo's dirty lenses are, 0 to 1."""

_SIDE: Final = 8
_BRIGHTEST: Final = 16.0
_NOISE: Final = 0.5
_SEED: Final = 7
_KERNEL: Final = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 16


@dataclass(frozen=True, slots=True)
class Digits:
    """1,797 real scans in three parts: images are ``float32[n, 64]`` from 0 to 16.

    Attributes:
        train: Images and labels to learn from.
        held_out: To check conversions on, and to be the reference for drift.
        field: What the cameras see; no model has seen them.
    """

    train: "Scans"
    held_out: "Scans"
    field: "Scans"


def load() -> Digits:
    """Return the scans, split by a fixed seed so that every class is in every part."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    images = images.astype(np.float32)
    rest, field, rest_labels, field_labels = train_test_split(
        images, labels, test_size=600, random_state=_SEED, stratify=labels
    )
    train_images, held, train_labels, held_labels = train_test_split(
        rest, rest_labels, test_size=600, random_state=_SEED, stratify=rest_labels
    )
    rng = np.random.default_rng(_SEED)
    return Digits(
        (train_images, train_labels),
        (sensor_noise(held, rng), held_labels),
        (field, field_labels),
    )


def sensor_noise(images: "NDArray[np.float32]", rng: np.random.Generator) -> "NDArray[np.float32]":
    """Return the images as a camera takes them: whole grey levels with a little noise."""
    noisy = images + rng.normal(0.0, _NOISE, images.shape)
    return np.clip(np.round(noisy), 0.0, _BRIGHTEST).astype(np.float32)


def dirty_lens(images: "NDArray[np.float32]", level: float) -> "NDArray[np.float32]":
    """Return the images behind a dirty lens: darker and blurred. ``level`` is 0 to 1."""
    grids = images.reshape(-1, _SIDE, _SIDE)
    padded = np.pad(grids, ((0, 0), (1, 1), (1, 1)))
    blurred = sum(
        _KERNEL[row, column] * padded[:, row : row + _SIDE, column : column + _SIDE]
        for row in range(3)
        for column in range(3)
    )
    mixed = (1.0 - level) * grids + level * blurred
    darker: NDArray[np.float32] = ((1.0 - 0.55 * level) * mixed).reshape(images.shape)
    return darker.astype(np.float32)


def train(digits: Digits, *, augmented: bool) -> "Pipeline":
    """Return a fitted classifier; ``augmented`` also shows it dirty lenses."""
    rng = np.random.default_rng(_SEED)
    images, labels = digits.train
    views = [sensor_noise(images, rng) for _ in range(3)]
    if augmented:
        views += [sensor_noise(dirty_lens(images, level), rng) for level in (0.3, 0.6, 0.8, 1.0)]
    return _fitted(np.concatenate(views), np.tile(labels, len(views)))


def field_like(digits: Digits, *, dirty_share: float) -> "Scans":
    """Return the held-out scans with a share of them behind dirty lenses, as the field now is."""
    rng = np.random.default_rng(_SEED)
    images, labels = digits.held_out
    soiled = rng.random(len(images)) < dirty_share
    mixed = images.copy()
    mixed[soiled] = sensor_noise(dirty_lens(images[soiled], DIRTY), rng)
    return mixed, labels


def train_broken(digits: Digits) -> "Pipeline":
    """Return a classifier whose labels were shuffled by mistake: it converts, and is useless."""
    images, labels = digits.train
    return _fitted(images, np.random.default_rng(_SEED).permutation(labels))


def _fitted(images: "NDArray[np.float32]", labels: "NDArray[np.int64]") -> "Pipeline":
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    classifier = MLPClassifier(
        (32,), max_iter=40, learning_rate_init=0.005, random_state=_SEED, tol=2e-3
    )
    model: Pipeline = make_pipeline(MinMaxScaler(), classifier)
    return model.fit(images, labels)
