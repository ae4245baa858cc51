"""The manifest: what a model package is, and the digest of every file in it.

The digest of the manifest is the digest of the package, because the manifest names every other file
by digest (as an OCI image manifest does).
"""

from collections.abc import Sequence
from typing import Final, Self

from edge_contract.errors import PackageError
from edge_contract.json_text import parse_json
from edge_contract.names import NAME_PATTERN, VERSION_PATTERN
from edge_contract.package.artifact import Artifact, ArtifactRole
from edge_contract.package.digests import canonical_json
from edge_contract.package.evidence import Evidence
from edge_contract.package.image_input import ImageInput
from edge_contract.package.interface import Feature, OutputRole, OutputSpec, Task, TensorSpec
from edge_contract.package.processing import Processing
from edge_contract.reading import JsonObject, JsonValue, Reader
from edge_contract.records import dataclass, field

__all__ = [
    "MANIFEST_NAME",
    "MAX_MANIFEST_BYTES",
    "SCHEMA",
    "Artifact",
    "ArtifactRole",
    "Evidence",
    "Manifest",
]

SCHEMA: Final = 1
MANIFEST_NAME: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about a model version but its bytes.

    Attributes:
        name: Model name; versions of one model share it.
        version: Semantic version.
        created: When it was made, RFC 3339 in UTC.
        task: What it predicts.
        inputs: Tensors of the ONNX graph, in its order.
        outputs: The same for its outputs, with their meaning.
        features: What is observed of every row.
        classes: Labels of a classifier in the order of its probabilities, as the author wrote
            them; empty for other tasks.
        threshold: Of a binary classifier: probability of the second class from which it is
            predicted; ``None`` if the likelier class is.
        processing: Plugins that devices must have to run it.
        image: How devices make an input of encoded pictures; ``None`` if they get numbers only.
        artifacts: The files.
        evidence: Parity, quality, robustness, baseline and variants.
        framework: Versions of what made it, by name.
        lineage: Where it comes from: commit, data digest, parameters, metrics, tracker run.
        licence: SPDX expression, or empty.
        description: For people.
    """

    name: str
    version: str
    created: str
    task: Task
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[OutputSpec, ...]
    features: tuple[Feature, ...]
    classes: tuple[str | int, ...] = ()
    threshold: float | None = None
    processing: Processing = field(default_factory=Processing)
    image: ImageInput | None = None
    artifacts: tuple[Artifact, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    framework: JsonObject = field(default_factory=dict)
    lineage: JsonObject = field(default_factory=dict)
    licence: str = ""
    description: str = ""

    @property
    def reference(self) -> str:
        """Name and version as people write them: ``digits@1.0.0``."""
        return f"{self.name}@{self.version}"

    def artifact(self, role: str, *, variant: str = "") -> Artifact:
        """Return the first file of a role (and of a variant, if one is given).

        Raises:
            PackageError: There is none.
        """
        for artifact in self.artifacts:
            if artifact.role == role and variant in ("", artifact.variant):
                return artifact
        wanted = f"{role} ({variant})" if variant else role
        raise PackageError(f"package {self.reference} has no file for {wanted}; convert it again")

    @property
    def models(self) -> tuple[Artifact, ...]:
        """The model in all its variants; the exact one comes first."""
        return tuple(item for item in self.artifacts if item.role == ArtifactRole.MODEL)

    def output(self, role: OutputRole) -> TensorSpec | None:
        """Return the tensor of the first output with a role, if there is one."""
        return next((output.tensor for output in self.outputs if output.role is role), None)

    def to_bytes(self) -> bytes:
        """Return the manifest as it stands in the package."""
        optional: dict[str, JsonValue] = {}
        if self.image is not None:
            optional["image"] = self.image.to_json()
        if self.processing != Processing():
            optional["processing"] = self.processing.to_json()
        return canonical_json(
            {
                **optional,
                "schema": SCHEMA,
                "name": self.name,
                "version": self.version,
                "created": self.created,
                "description": self.description,
                "licence": self.licence,
                "task": self.task.value,
                "inputs": [tensor.to_json() for tensor in self.inputs],
                "outputs": [output.to_json() for output in self.outputs],
                "features": [feature.to_json() for feature in self.features],
                "classes": list(self.classes),
                "threshold": self.threshold,
                "artifacts": [artifact.to_json() for artifact in self.artifacts],
                "evidence": self.evidence.to_json(),
                "framework": self.framework,
                "lineage": self.lineage,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a manifest.

        Raises:
            PackageError: It is no JSON, too large, of a newer schema, or a field is wrong.
        """
        reader = _parsed(data)
        inputs = tuple(TensorSpec.from_json(item) for item in reader["inputs"].items())
        manifest = cls(
            name=reader["name"].text(pattern=NAME_PATTERN),
            version=reader["version"].text(pattern=VERSION_PATTERN),
            created=reader["created"].text(max_length=64),
            description=reader["description"].text(max_length=100_000),
            licence=reader["licence"].text(max_length=200),
            task=Task(reader["task"].text(pattern="|".join(task.value for task in Task))),
            inputs=inputs,
            outputs=tuple(OutputSpec.from_json(item) for item in reader["outputs"].items()),
            features=tuple(
                Feature.from_json(item, inputs=inputs) for item in reader["features"].items()
            ),
            classes=_classes(reader["classes"].items(max_length=100_000)),
            threshold=None if reader["threshold"].is_null else _threshold(reader["threshold"]),
            image=_image(reader.get("image"), inputs=inputs),
            processing=_processing(reader.get("processing")),
            artifacts=tuple(Artifact.from_json(item) for item in reader["artifacts"].items()),
            evidence=Evidence.from_json(reader["evidence"]),
            framework=reader["framework"].json_object(),
            lineage=reader["lineage"].json_object(),
        )
        names = [feature.name for feature in manifest.features]
        if len(set(names)) != len(names):
            raise PackageError(f"package {manifest.reference} lists a feature twice: {names}")
        paths = [MANIFEST_NAME, *(artifact.path for artifact in manifest.artifacts)]
        if len(set(paths)) != len(paths):
            raise PackageError(f"package {manifest.reference} lists a file twice: {paths}")
        return manifest


def _parsed(data: bytes) -> Reader:
    if len(data) > MAX_MANIFEST_BYTES:
        raise PackageError(
            f"manifest has {len(data)} bytes, more than the {MAX_MANIFEST_BYTES} allowed"
        )
    try:
        reader = Reader(parse_json(data), "manifest", PackageError)
    except ValueError as error:
        raise PackageError(f"manifest is not readable JSON: {error}") from error
    schema = reader["schema"].integer(low=1)
    if schema > SCHEMA:
        raise PackageError(
            f"manifest has schema {schema}, this edgefleet reads up to {SCHEMA}: upgrade edgefleet"
        )
    return reader


def _classes(items: Sequence[Reader]) -> tuple[str | int, ...]:
    return tuple(item.text(max_length=1000) if item.is_text else item.integer() for item in items)


def _threshold(reader: Reader) -> float:
    return reader.number(low=0.0, high=1.0)


def _image(reader: Reader | None, *, inputs: Sequence[TensorSpec]) -> ImageInput | None:
    if reader is None:
        return None
    image = ImageInput.from_json(reader)
    if not any(spec.name == image.tensor and image.fits(spec) for spec in inputs):
        raise reader.refused(f"pictures that fit one of {', '.join(map(str, inputs))}")
    return image


def _processing(reader: Reader | None) -> Processing:
    return Processing() if reader is None else Processing.from_json(reader)
