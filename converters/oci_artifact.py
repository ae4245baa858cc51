"""A model package as an OCI artifact: the image manifest and the blobs that it names.

The config is the package's own manifest and each other file is a layer, as it is. So the digest of
the config is the digest of the package, a registry stores what versions share once, and pulling the
files by their titles gives an unpacked package.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from edge_contract.errors import PackageError, UsageError
from edge_contract.json_text import parse_json
from edge_contract.package import (
    MANIFEST_NAME,
    Artifact,
    Manifest,
    Package,
    canonical_json,
    digest_of,
)
from edge_contract.package.digests import DIGEST_PATTERN
from edge_contract.package.manifest import MAX_MANIFEST_BYTES
from edge_contract.reading import JsonObject, Reader

__all__ = [
    "ARTIFACT_TYPE",
    "MANIFEST_TYPE",
    "Descriptor",
    "OciArtifact",
    "annotations_of",
    "artifact_of",
    "package_of",
]

ARTIFACT_TYPE: Final = "application/vnd.edgefleet.modelpkg.v1"
MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE: Final = "application/vnd.edgefleet.modelpkg.manifest.v1+json"
_UNKNOWN_TYPE: Final = "application/octet-stream"
_TITLE: Final = "org.opencontainers.image.title"
_TYPE_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"
_MAX_LAYERS: Final = 1000
_MAX_BLOB_BYTES: Final = 64 * 2**30

ReadBlob = Callable[["Descriptor"], bytes]
"""Returns the bytes of a blob, whose size and digest are those of the descriptor."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Names a blob: what it is, and which bytes exactly."""

    media_type: str
    digest: str
    size: int

    def to_json(self, annotations: Mapping[str, str] | None = None) -> JsonObject:
        """Return the fields as OCI names them."""
        found: JsonObject = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        return {**found, "annotations": dict(annotations)} if annotations else found

    @classmethod
    def from_json(cls, reader: Reader) -> "Descriptor":
        """Read the fields; raises the reader's error."""
        return cls(
            media_type=reader["mediaType"].text(max_length=255),
            digest=reader["digest"].text(pattern=DIGEST_PATTERN),
            size=reader["size"].integer(low=0, high=_MAX_BLOB_BYTES),
        )


@dataclass(frozen=True, slots=True)
class OciArtifact:
    """An image manifest, and every blob by its digest, the manifest included."""

    manifest: Descriptor
    blobs: Mapping[str, bytes]


def artifact_of(package: Package, *, annotations: Mapping[str, str] | None = None) -> OciArtifact:
    """Return a package as an OCI artifact; the same package always gives the same bytes.

    Args:
        package: The package.
        annotations: Of the image manifest, beside those of :func:`annotations_of` or in place of
            them.

    Raises:
        UsageError: An annotation has no name, or sets what is the index's.
    """
    config = Descriptor(_CONFIG_TYPE, package.digest, len(package.manifest_bytes))
    data = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": ARTIFACT_TYPE,
            "config": config.to_json({_TITLE: MANIFEST_NAME}),
            "layers": [_layer(artifact) for artifact in package.manifest.artifacts],
            "annotations": {**annotations_of(package), **_checked(annotations or {})},
        }
    )
    manifest = Descriptor(MANIFEST_TYPE, digest_of(data), len(data))
    blobs = {digest_of(content): content for content in package.files.values()}
    return OciArtifact(
        manifest, {**blobs, config.digest: package.manifest_bytes, manifest.digest: data}
    )


def package_of(manifest_bytes: bytes, read: ReadBlob) -> Package:
    """Return the package that an image manifest stands for, verified file by file.

    Args:
        manifest_bytes: The image manifest.
        read: Gives the blobs that it names.

    Raises:
        PackageError: It is no artifact of edgefleet, lacks a file, or a file is another one than
            the package's manifest says.
    """
    reader = _parsed(manifest_bytes)
    config = Descriptor.from_json(reader["config"])
    if config.media_type != _CONFIG_TYPE:
        raise PackageError(
            f"the OCI manifest has a config of type {config.media_type!r}, a model package has "
            f"{_CONFIG_TYPE!r}: this is an image of something else"
        )
    if config.size > MAX_MANIFEST_BYTES:
        raise PackageError(f"the package's manifest has {config.size} bytes, too many")
    layers = {
        layer.digest: layer
        for layer in map(Descriptor.from_json, reader["layers"].items(max_length=_MAX_LAYERS))
    }
    package_manifest = read(config)
    listed = Manifest.from_bytes(package_manifest).artifacts
    for artifact in listed:
        if artifact.digest not in layers or layers[artifact.digest].size != artifact.size:
            raise PackageError(
                f"the OCI manifest has no layer of {artifact.size} bytes with digest "
                f"{artifact.digest} for {artifact.path!r}: push the package again"
            )
    files = {artifact.path: read(layers[artifact.digest]) for artifact in listed}
    return Package.verified(package_manifest, files)


def annotations_of(package: Package) -> dict[str, str]:
    """Return what the package says of itself under the names that OCI has for it."""
    return {name: value for name, value in _annotations(package) if value}


def _annotations(package: Package) -> Iterator[tuple[str, str]]:
    manifest = package.manifest
    yield _TITLE, manifest.name
    yield "org.opencontainers.image.version", manifest.version
    yield "org.opencontainers.image.created", manifest.created
    yield "org.opencontainers.image.description", manifest.description
    yield "org.opencontainers.image.licenses", manifest.licence
    yield "org.opencontainers.image.revision", _text(manifest.lineage.get("commit"))
    yield "vnd.edgefleet.package.digest", package.digest
    yield "vnd.edgefleet.task", manifest.task.value
    yield "vnd.edgefleet.source.dirty", "true" if manifest.lineage.get("dirty") else ""
    yield "vnd.edgefleet.data.digest", _text(manifest.lineage.get("data_digest"))
    yield "vnd.edgefleet.tracker.run", _text(manifest.lineage.get("tracker_run"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _layer(artifact: Artifact) -> JsonObject:
    is_type = re.fullmatch(_TYPE_PATTERN, artifact.media_type)
    media_type = artifact.media_type if is_type else _UNKNOWN_TYPE
    return Descriptor(media_type, artifact.digest, artifact.size).to_json({_TITLE: artifact.path})


def _checked(annotations: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in annotations.items():
        if not name.isascii() or not name.isprintable() or not name.strip() or " " in name:
            raise UsageError(
                f"annotation {name!r} is no name: write one such as com.example.team, with no "
                "spaces and in ASCII"
            )
        if name == "org.opencontainers.image.ref.name":
            raise UsageError(f"annotation {name!r} is that of the tag: set the tag instead")
        if not isinstance(value, str):
            raise UsageError(f"annotation {name!r} is {value!r}: give a text")
    return annotations


def _parsed(data: bytes) -> Reader:
    try:
        reader = Reader(parse_json(data), "OCI manifest", PackageError)
    except ValueError as error:
        raise PackageError(f"the OCI manifest is no readable JSON: {error}") from error
    if reader["schemaVersion"].integer() != 2:
        raise reader["schemaVersion"].refused("2")
    return reader
