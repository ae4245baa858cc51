"""A package that devices can count for, and the telemetry that they would send."""

from collections.abc import Iterable, Sequence

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.increments import PackageRole
from edge_contract.messages import (
    BatchId,
    Counters,
    FleetTopics,
    TelemetryBatch,
    WindowEntry,
    encode,
)
from edge_contract.package import (
    LATENCY,
    Artifact,
    ArtifactRole,
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Package,
    Reference,
    Role,
    Task,
    TensorSpec,
    digest_of,
    feature_subject,
    prediction_columns,
)
from edge_contract.stats import Column, Profile, ProfileSpec, SketchSpec
from tests.support.onnx_files import file_with_note

__all__ = [
    "DIGITS",
    "DIGITS_ROLE",
    "FLEET",
    "batch_of",
    "counting_package",
    "facts_of",
    "payload_of",
    "profile_of",
    "telemetry_topic",
    "window_of",
]

FLEET = FleetTopics("f1")


def _artifact(role: str, path: str, data: bytes) -> Artifact:
    return Artifact(role, path, "application/octet-stream", digest_of(data), len(data))


def _manifest(
    name: str, version: str, features: Sequence[str], artifacts: Sequence[Artifact]
) -> Manifest:
    return Manifest(
        name=name,
        version=version,
        created="2026-02-03T04:05:06Z",
        task=Task.BINARY,
        inputs=(TensorSpec("x", "float32", ("batch", len(features))),),
        outputs=(OutputSpec(TensorSpec("p", "float32", ("batch", 2)), OutputRole.PROBABILITIES),),
        features=tuple(Feature(feature, 0, index) for index, feature in enumerate(features)),
        classes=("odd", "even"),
        artifacts=tuple(artifacts),
    )


def counting_package(
    version: str = "1.0.0", *, name: str = "digits", features: int = 2, model: bytes = b"weights"
) -> Package:
    """A package of numeric features that tells odd from even; ``model`` makes it another one."""
    model = file_with_note(model)
    names = [f"x{index}" for index in range(features)]
    artifacts = [_artifact(ArtifactRole.MODEL, "model.onnx", model)]
    manifest = _manifest(name, version, names, artifacts)
    spec = ProfileSpec(
        (
            *(Column(feature_subject(feature), SketchSpec()) for feature in names),
            *prediction_columns(manifest),
            Column(LATENCY, SketchSpec()),
        )
    )
    reference = Reference(10_000, spec.empty()).to_bytes()
    artifacts.append(_artifact(ArtifactRole.REFERENCE, "reference.json", reference))
    manifest = _manifest(name, version, names, artifacts)
    return Package.verified(manifest.to_bytes(), {"model.onnx": model, "reference.json": reference})


def facts_of(package: Package) -> PackageFacts:
    """The same as the registry tells it."""
    return PackageFacts(package.digest, package.manifest, package.reference())


DIGITS = facts_of(counting_package())
DIGITS_ROLE = PackageRole(DIGITS.digest, Role.PRIMARY)


def profile_of(rows: Iterable[Sequence[float]], *, package: PackageFacts = DIGITS) -> Profile:
    """What a device counts of rows of features; each is predicted odd, surely, within 50 us."""
    spec = package.specs[Role.PRIMARY]
    profile = spec.empty()
    for row in rows:
        for index, value in enumerate(row):
            profile.observe(index, (value,))
        profile.observe(len(row), (0.0, 1.0))
        profile.observe(len(row) + 1, (50.0,))
    return profile


def window_of(
    rows: Sequence[Sequence[float]],
    *,
    start_unix_s: float = 1_800_000_000.0,
    length_s: float = 10.0,
    package: PackageFacts = DIGITS,
    role: str = Role.PRIMARY,
) -> WindowEntry:
    """A window in which a device saw rows, one at a time."""
    return WindowEntry(
        package=package.digest,
        role=role,
        start_unix_s=start_unix_s,
        end_unix_s=start_unix_s + length_s,
        counters=Counters(rows=len(rows), calls=len(rows)),
        profile=profile_of(rows, package=package).to_state(),
    )


def batch_of(
    seq: int,
    *entries: WindowEntry,
    device: str = "cam-7",
    boot: int = 1,
    span: int = 1,
    lost_rows: int = 0,
) -> TelemetryBatch:
    """A batch of windows; without any, of one window of one row."""
    return TelemetryBatch(
        BatchId(device, boot, seq),
        entries or (window_of([(1.0, 2.0)]),),
        span=span,
        lost_rows=lost_rows,
    )


def payload_of(batch: TelemetryBatch) -> bytes:
    """What the device sends."""
    return encode(batch)


def telemetry_topic(device: str = "cam-7") -> str:
    """Where the device sends it."""
    return FLEET.device(device).telemetry
