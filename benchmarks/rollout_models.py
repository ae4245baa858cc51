"""Made-up binary classifiers for simulated rollouts: what they predict, and how often rightly.

A row is *easy* or *tough*; on tough ones a model is less sure and less often right. How many rows
of a device are tough depends on the device, on the time of the day, and on the version.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cloud_sync.core.facts import PackageFacts
from edge_contract.package import (
    LATENCY,
    Artifact,
    ArtifactRole,
    Calibration,
    Evidence,
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Reference,
    Task,
    TensorSpec,
    digest_of,
    feature_subject,
    prediction_columns,
)
from edge_contract.stats import (
    BINS,
    Column,
    Probabilities,
    ProbabilitiesSpec,
    ProfileSpec,
    Sketch,
    SketchSpec,
)

__all__ = [
    "FEATURE_CODES",
    "LATENCY_CODES",
    "LEVELS",
    "MODEL",
    "Numbers",
    "Version",
    "accuracy_of",
    "features_of",
    "levels_of",
    "package_of",
    "probabilities_of",
]

Numbers: TypeAlias = NDArray[np.float64]

MODEL: Final = "gate"
LEVELS: Final = np.array([0.55, 0.62, 0.7, 0.78, 0.85, 0.9, 0.94, 0.97, 0.985, 0.995])
"""Probabilities that the models give; each is right about so often."""
_EASY: Final = np.array([0.0, 0.0, 0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.25, 0.2])
_TOUGH: Final = np.array([0.2, 0.2, 0.2, 0.15, 0.1, 0.08, 0.04, 0.02, 0.01, 0.0])
_TOUGH_SHARE: Final = 0.15
_REFERENCE_ROWS: Final = 20_000
_FEATURE: Final = SketchSpec("centred", 0.0, 1.0)
_TIME: Final = SketchSpec()

_EASY_X: Final = np.linspace(-2.0, 2.0, 12)
_TOUGH_X: Final = _EASY_X + 2.0
FEATURE_CODES: Final = sorted({_FEATURE.code_of(float(x)) for x in (*_EASY_X, *_TOUGH_X)})
LATENCY_CODES: Final = [_TIME.code_of(float(us)) for us in 2000.0 * 1.09 ** np.arange(40)]


@dataclass(frozen=True, slots=True)
class Version:
    """How one version differs from the first.

    Attributes:
        number: Its version.
        seen: Accuracy that it loses by being unsure more often; estimates can see that.
        hidden: Accuracy that it loses without knowing; only labels can see that.
        failing: Share of its calls that fail, besides one in a thousand.
        slower: Times as long as the first version's calls.
        crashing: Share of the devices on which its trial fails.
    """

    number: str
    seen: float = 0.0
    hidden: float = 0.0
    failing: float = 0.0
    slower: float = 1.0
    crashing: float = 0.0


def levels_of(tough: Numbers, version: Version) -> Numbers:
    """Return the shares of the probability levels, ``float64[devices, levels]``."""
    more = version.seen / float((_EASY - _TOUGH) @ LEVELS)
    share = np.clip(tough + more, 0.0, 1.0)[:, None]
    return np.asarray((1.0 - share) * _EASY + share * _TOUGH)


def accuracy_of(levels: Numbers, version: Version) -> Numbers:
    """Return how often each device's predictions are right, ``float64[devices]``."""
    return np.asarray(np.clip(levels @ LEVELS - version.hidden, 0.0, 1.0))


def features_of(tough: Numbers) -> Numbers:
    """Return the shares of the feature's buckets, ``float64[devices, buckets]``."""
    tables = []
    for places in (_EASY_X, _TOUGH_X):
        weights = np.exp(-0.5 * ((places - places.mean()) / 0.9) ** 2)
        table = np.zeros(len(FEATURE_CODES))
        for place, weight in zip(places, weights / weights.sum(), strict=True):
            table[FEATURE_CODES.index(_FEATURE.code_of(float(place)))] += weight
        tables.append(table)
    share = np.clip(tough, 0.0, 1.0)[:, None]
    return np.asarray((1.0 - share) * tables[0] + share * tables[1])


def package_of(version: Version, rng: np.random.Generator) -> PackageFacts:
    """Return the package of a version, with a reference of 20,000 labelled rows of its own."""
    manifest = Manifest(
        name=MODEL,
        version=version.number,
        created="2026-02-03T04:05:06Z",
        task=Task.BINARY,
        inputs=(TensorSpec("rows", "float32", ("batch", 1)),),
        outputs=(OutputSpec(TensorSpec("p", "float32", ("batch", 2)), OutputRole.PROBABILITIES),),
        features=(Feature("x", 0, 0),),
        classes=(0, 1),
        evidence=Evidence(quality={"accuracy": 0.9}),
        artifacts=(
            Artifact(ArtifactRole.MODEL, "model.onnx", "application/onnx", f"sha256:{'0' * 64}", 1),
        ),
    )
    columns = (
        Column(feature_subject("x"), _FEATURE),
        *prediction_columns(manifest),
        Column(LATENCY, _TIME),
    )
    spec = columns[1].spec
    if not isinstance(spec, ProbabilitiesSpec):
        raise TypeError(f"{spec!r} does not count probabilities")
    usual = np.array([_TOUGH_SHARE])
    # The author's rows are clean ones: a version that is worse on devices was not known to be.
    known = Version(version.number)
    counts = rng.multinomial(_REFERENCE_ROWS // 2, levels_of(usual, known)[0], size=2)
    x = rng.multinomial(_REFERENCE_ROWS, features_of(usual)[0])
    profile = ProfileSpec(columns).empty()
    profile = type(profile)(
        profile.spec,
        {
            0: Sketch(_FEATURE, counts=_sparse(FEATURE_CODES, x)),
            1: probabilities_of(spec, counts),
        },
    )
    rows = np.zeros((2, BINS), np.int64)
    correct = np.zeros((2, BINS))
    for k in range(2):
        for level, count in zip(LEVELS, counts[k], strict=True):
            rows[k, spec.bin_of(k, float(level))] += count
            correct[k, spec.bin_of(k, float(level))] += rng.binomial(count, level)
    calibration = Calibration(
        tuple(tuple(map(int, bins)) for bins in rows),
        tuple(tuple(map(float, bins)) for bins in correct),
    )
    digest = digest_of(f"{version} {rng.integers(2**60)}".encode())
    return PackageFacts(digest, manifest, Reference(_REFERENCE_ROWS, profile, calibration))


def probabilities_of(spec: ProbabilitiesSpec, counts: NDArray[np.int64]) -> Probabilities:
    """Return the statistic of ``int64[2, levels]`` predictions."""
    bins: dict[int, dict[int, int]] = {}
    sums: dict[int, float] = {}
    places = _places(spec)
    for k in range(2):
        for place, count in zip(places[k], counts[k].tolist(), strict=True):
            if count:
                bins.setdefault(k, {})
                bins[k][place] = bins[k].get(place, 0) + count
        if k in bins:
            sums[k] = float(counts[k] @ LEVELS)
    return Probabilities(spec, counts=bins, sums=sums)


@cache
def _places(spec: ProbabilitiesSpec) -> list[list[int]]:
    """Return the bins of the levels, by class."""
    return [[spec.bin_of(k, level) for level in LEVELS.tolist()] for k in range(2)]


def _sparse(codes: list[int], counts: NDArray[np.int64]) -> dict[int, int]:
    return {code: int(count) for code, count in zip(codes, counts, strict=True) if count}
