"""The manifest: what a model package is, and the digest of every file in it.

The digest of the manifest is the digest of the package, because the manifest names every other file
by digest (as an OCI image manifest does).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from edge_contract.errors import PackageError
from edge_contract.json_text import parse_json
from edge_contract.names import NAME_PATTERN, VERSION_PATTERN
from edge_contract.package.digests import DIGEST_PATTERN, canonical_json
from edge_contract.package.image_input import ImageInput
from edge_contract.package.interface import Feature, OutputRole, OutputSpec, Task, TensorSpec
from edge_contract.reading import JsonObject, JsonValue, Reader

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
_MAX_ARTIFACT_BYTES: Final = 64 * 2**30
_PATH_PATTERN: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"


class ArtifactRole:
    """What a file of a package is for; plain text, so that unknown roles are kept, not refused."""

    MODEL: Final = "model"
    REFERENCE: Final = "reference"
    GOLDEN: Final = "golden"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a package, as an OCI descriptor with a role.

    Attributes:
        role: See :class:`ArtifactRole`.
        path: File name in the package; no folders.
        media_type: IANA media type.
        digest: ``sha256:...`` of the file.
        size: Its length in bytes.
        variant: Of a model: ``fp32``, ``int8``. The first model of a package is the exact one.
        opsets: Of a model: ONNX operator-set versions by domain.
        providers: Of a model: onnxruntime execution providers it is known to run on.
    """

    role: str
    path: str
    media_type: str
    digest: str
    size: int
    variant: str = ""
    opsets: JsonObject = field(default_factory=dict)
    providers: tuple[str, ...] = ()

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {
            "role": self.role,
            "path": self.path,
            "media_type": self.media_type,
            "digest": self.digest,
            "size": self.size,
            "variant": self.variant,
            "opsets": self.opsets,
            "providers": list(self.providers),
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        return cls(
            role=reader["role"].text(max_length=64),
            path=reader["path"].text(pattern=_PATH_PATTERN),
            media_type=reader["media_type"].text(max_length=128),
            digest=reader["digest"].text(pattern=DIGEST_PATTERN),
            size=reader["size"].integer(low=0, high=_MAX_ARTIFACT_BYTES),
            variant=reader["variant"].text(max_length=64),
            opsets=reader["opsets"].json_object(),
            providers=tuple(item.text(max_length=64) for item in reader["providers"].items()),
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why the package may be trusted to do its work; read by people and by gates.

    Attributes:
        parity: How well the ONNX model repeats the source model: rows checked, label agreement,
            largest differences, what was accepted.
        quality: Metrics on held-out rows by name, 0 to 1 for classifiers.
        robustness: The same under noise, scaling and missing values, where measured.
        baseline: What a person or a rule reaches: metrics by name, and ``source``.
        variants: What was tried to make the model smaller and quicker: for each way its size,
            latency and losses beside the exact model, and why it was kept or not.
    """

    parity: JsonObject = field(default_factory=dict)
    quality: JsonObject = field(default_factory=dict)
    robustness: JsonObject = field(default_factory=dict)
    baseline: JsonObject = field(default_factory=dict)
    variants: JsonObject = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        fields: dict[str, JsonValue] = {
            "parity": self.parity,
            "quality": self.quality,
            "robustness": self.robustness,
            "baseline": self.baseline,
        }
        return {**fields, "variants": self.variants} if self.variants else fields

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        variants = reader.get("variants")
        return cls(
            parity=reader["parity"].json_object(),
            quality=reader["quality"].json_object(),
            robustness=reader["robustness"].json_object(),
            baseline=reader["baseline"].json_object(),
            variants={} if variants is None else variants.json_object(),
        )


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
        image = {} if self.image is None else {"image": self.image.to_json()}
        return canonical_json(
            {
                **image,
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
