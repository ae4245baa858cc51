"""A whole, verified model package without a model worth running: some bytes and a manifest."""

from edge_contract.package import (
    Artifact,
    ArtifactRole,
    Evidence,
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Package,
    Task,
    TensorSpec,
    digest_of,
)

__all__ = ["tiny_package"]


def tiny_package(
    name: str = "digits", version: str = "1.0.0", *, model: bytes = b"weights" * 200
) -> Package:
    """A package of one file; other ``model`` bytes give another digest."""
    artifact = Artifact(
        role=ArtifactRole.MODEL,
        path="model.onnx",
        media_type="application/vnd.onnx",
        digest=digest_of(model),
        size=len(model),
    )
    manifest = Manifest(
        name=name,
        version=version,
        created="2026-02-03T04:05:06Z",
        task=Task.MULTICLASS,
        inputs=(TensorSpec("pixels", "float32", ("batch", 2)),),
        outputs=(
            OutputSpec(
                TensorSpec("probabilities", "float32", ("batch", 2)), OutputRole.PROBABILITIES
            ),
        ),
        features=(Feature("left", 0, 0), Feature("right", 0, 1)),
        classes=("odd", "even"),
        artifacts=(artifact,),
        evidence=Evidence(quality={"accuracy": 0.97, "f1": 0.96}),
        description="Tells odd digits from even ones.",
    )
    return Package.verified(manifest.to_bytes(), {"model.onnx": model})
