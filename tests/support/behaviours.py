"""Made-up models with a known quality: packages with references, and rows that they would see."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from cloud_sync.core.facts import PackageFacts
from edge_contract.package import (
    Calibration,
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Reference,
    Role,
    Task,
    TensorSpec,
    digest_of,
    feature_subject,
    prediction_columns,
)
from edge_contract.stats import BINS, Column, ProbabilitiesSpec, Profile, ProfileSpec, SketchSpec

__all__ = ["BAD", "CLASSES", "FRAGILE", "STURDY", "Behaviour", "package_of"]

CLASSES = 4
PREDICTION_COLUMN = 2


@dataclass(frozen=True)
class Behaviour:
    """How sure a model is, on clean and on dirty inputs, and how often it is right then.

    Its probabilities are drawn evenly from a span; it is right with the probability it gives,
    unless ``accuracy`` says that it is right with that one whatever it gives.
    """

    clean: tuple[float, float]
    dirty: tuple[float, float]
    accuracy: float | None = None

    def predict(self, truth: int, rng: random.Random, *, dirty: bool = False) -> tuple[int, float]:
        """The predicted class and its probability."""
        probability = rng.uniform(*(self.dirty if dirty else self.clean))
        right = rng.random() < (probability if self.accuracy is None else self.accuracy)
        predicted = truth if right else (truth + rng.randrange(1, CLASSES)) % CLASSES
        return predicted, probability


FRAGILE = Behaviour(clean=(0.9, 1.0), dirty=(0.4, 0.8))
STURDY = Behaviour(clean=(0.9, 1.0), dirty=(0.85, 1.0))
BAD = Behaviour(clean=(0.26, 0.5), dirty=(0.26, 0.5), accuracy=0.1)


def inputs(rng: random.Random, *, dirty: bool = False) -> tuple[float, float]:
    """The two features of a row; dirt moves the first one."""
    return rng.gauss(2.0 if dirty else 0.0, 1.0), rng.gauss(5.0, 2.0)


def package_of(
    behaviour: Behaviour, version: str, *, rows: int = 2000, seed: int = 1, name: str = "gate"
) -> PackageFacts:
    """A package whose reference and calibration come from ``rows`` clean rows."""
    manifest = Manifest(
        name=name,
        version=version,
        created="2026-02-03T04:05:06Z",
        task=Task.MULTICLASS,
        inputs=(TensorSpec("rows", "float32", ("batch", 2)),),
        outputs=(
            OutputSpec(TensorSpec("p", "float32", ("batch", CLASSES)), OutputRole.PROBABILITIES),
        ),
        features=(Feature("x", 0, 0), Feature("y", 0, 1)),
        classes=tuple(range(CLASSES)),
    )
    columns = (
        Column(feature_subject("x"), SketchSpec("centred", 0.0, 1.0)),
        Column(feature_subject("y"), SketchSpec("centred", 5.0, 2.0)),
        *prediction_columns(manifest),
    )
    profile, calibration = _reference(behaviour, ProfileSpec(columns), rows=rows, seed=seed)
    digest = digest_of(f"{name} {version} {seed}".encode())
    return PackageFacts(digest, manifest, Reference(rows, profile, calibration))


def _reference(
    behaviour: Behaviour, spec: ProfileSpec, *, rows: int, seed: int
) -> tuple[Profile, Calibration]:
    rng = random.Random(seed)
    profile = spec.empty()
    bins = spec.columns[PREDICTION_COLUMN].spec
    assert isinstance(bins, ProbabilitiesSpec)
    labelled = [[0] * BINS for _ in range(CLASSES)]
    correct = [[0] * BINS for _ in range(CLASSES)]
    for _ in range(rows):
        truth = rng.randrange(CLASSES)
        predicted, probability = behaviour.predict(truth, rng)
        observe_primary(profile, inputs(rng), (predicted, probability))
        index = bins.bin_of(predicted, probability)
        labelled[predicted][index] += 1
        correct[predicted][index] += predicted == truth
    return profile, Calibration(tuple(map(tuple, labelled)), tuple(map(tuple, correct)))


def observe_primary(
    profile: Profile, features: Sequence[float], prediction: tuple[int, float]
) -> None:
    """Count one row as the primary role does."""
    for index, value in enumerate(features):
        profile.observe(index, (value,))
    profile.observe(PREDICTION_COLUMN, prediction)


def window(
    package: PackageFacts, behaviour: Behaviour, rng: random.Random, *, rows: int, dirty: bool
) -> Profile:
    """What a device counts for its serving package."""
    profile = package.specs[Role.PRIMARY].empty()
    for _ in range(rows):
        predicted = behaviour.predict(rng.randrange(CLASSES), rng, dirty=dirty)
        observe_primary(profile, inputs(rng, dirty=dirty), predicted)
    return profile


def shadow_window(
    package: PackageFacts,
    behaviour: Behaviour,
    serving: Behaviour,
    rng: random.Random,
    *,
    rows: int,
    dirty: bool,
) -> Profile:
    """What a device counts for a package in shadow beside another one."""
    profile = package.specs[Role.SHADOW].empty()
    for _ in range(rows):
        truth = rng.randrange(CLASSES)
        mine = behaviour.predict(truth, rng, dirty=dirty)
        profile.observe(0, mine)
        profile.observe(1, (*serving.predict(truth, rng, dirty=dirty), *mine))
    return profile
