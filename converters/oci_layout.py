"""OCI image layouts on disk: a folder of blobs and an index, which registries' tools copy."""

import os
import re
import stat
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from converters.oci_artifact import (
    ARTIFACT_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    OciArtifact,
    package_of,
)
from converters.package_files import cannot_write, whole_folder, write_at_once
from edge_contract.errors import PackageError, UsageError
from edge_contract.json_text import parse_json
from edge_contract.package import Package, canonical_json, digest_of, short
from edge_contract.reading import JsonObject, Reader

__all__ = ["load_oci", "save_oci"]

_LAYOUT: Final = "oci-layout"
_LAYOUT_BYTES: Final = b'{"imageLayoutVersion":"1.0.0"}'
_INDEX: Final = "index.json"
_INDEX_TYPE: Final = "application/vnd.oci.image.index.v1+json"
_TAG: Final = "org.opencontainers.image.ref.name"
_TAG_PATTERN: Final = re.compile(
    r"[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*"
)
_MAX_TAG: Final = 128
_MAX_JSON_BYTES: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the index: as it stands, and what is asked of it."""

    json: JsonObject
    descriptor: Descriptor
    tag: str
    artifact_type: str


def save_oci(artifact: OciArtifact, folder: Path | str, *, tag: str, replace: bool = False) -> Path:
    """Write an artifact into an image layout, and return its folder.

    A folder that is not there is made. To a layout that is there it is added: blobs first and the
    index last, so that readers always find a whole layout.

    Args:
        artifact: The artifact.
        folder: Where the layout is, or will be.
        tag: Its name in the layout, such as ``1.0.0`` or ``digits:1.0.0``.
        replace: Whether a tag may be taken from another artifact.

    Raises:
        UsageError: The tag is not allowed or belongs to another artifact, the folder holds
            something else, or cannot be written.
        PackageError: The layout that is there is damaged.
        UnavailableError: There is no room left.
    """
    path = Path(folder)
    if len(tag) > _MAX_TAG or not _TAG_PATTERN.fullmatch(tag):
        raise UsageError(
            f"tag {tag[:80]!r} is not allowed: use letters and digits with one of - . _ : @ + / "
            f"between them, at most {_MAX_TAG} characters"
        )
    entries = _entries_of(path)
    taken = [entry for entry in entries if entry.tag == tag]
    if any(entry.descriptor != artifact.manifest for entry in taken) and not replace:
        raise UsageError(
            f"tag {tag!r} in {str(path)!r} names another artifact "
            f"({short(taken[0].descriptor.digest)}): choose another tag, or allow to replace it"
        )
    line = {**artifact.manifest.to_json({_TAG: tag}), "artifactType": ARTIFACT_TYPE}
    kept = [entry.json for entry in entries if entry.tag != tag]
    index: JsonObject = {
        "schemaVersion": 2,
        "mediaType": _INDEX_TYPE,
        "manifests": [*kept, line],
    }
    try:
        with nullcontext(path) if path.exists() else whole_folder(path) as home:
            _write_blobs(home, artifact)
            write_at_once(home / _LAYOUT, _LAYOUT_BYTES)
            write_at_once(home / _INDEX, canonical_json(index))
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def load_oci(folder: Path | str, *, tag: str = "") -> Package:
    """Read a package from an image layout, and verify every file.

    Args:
        folder: The layout.
        tag: Which one; may be left out if the layout holds one package.

    Raises:
        UsageError: There is no layout, no such tag, or several packages to choose from.
        PackageError: The layout is damaged, or what it holds is no package.
    """
    path = Path(folder)
    if not (path / _LAYOUT).exists():
        raise UsageError(f"there is no OCI image layout in {str(path)!r}: it has no {_LAYOUT} file")
    entry = _chosen(_entries_of(path), path, tag=tag)
    try:
        return package_of(_blob(path, entry.descriptor), lambda descriptor: _blob(path, descriptor))
    except PackageError as error:
        raise PackageError(f"{str(path)!r}: {error}") from error


def _chosen(entries: Sequence[_Entry], path: Path, *, tag: str) -> _Entry:
    tags = ", ".join(sorted(entry.tag for entry in entries if entry.tag)) or "none"
    if tag:
        found = [entry for entry in entries if entry.tag == tag]
    else:
        found = [entry for entry in entries if entry.artifact_type in ("", ARTIFACT_TYPE)]
        found = list({entry.descriptor.digest: entry for entry in found}.values())
    if not found:
        what = f"tag {tag!r}" if tag else "model package"
        raise UsageError(f"there is no {what} in {str(path)!r}; its tags: {tags}")
    if len(found) > 1:
        raise UsageError(f"{str(path)!r} holds several artifacts: name one of the tags {tags}")
    entry = found[0]
    if entry.descriptor.media_type != MANIFEST_TYPE:
        raise PackageError(
            f"{str(path)!r} holds {entry.descriptor.media_type!r} under {entry.tag!r}, a model "
            f"package is {MANIFEST_TYPE!r}"
        )
    if entry.descriptor.size > _MAX_JSON_BYTES:
        raise PackageError(
            f"the OCI manifest in {str(path)!r} has {entry.descriptor.size} bytes, too many"
        )
    return entry


def _entries_of(path: Path) -> list[_Entry]:
    """Return what the index lists; nothing if the folder is not there or is empty."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return []
    if not (path / _LAYOUT).exists():
        raise UsageError(
            f"{str(path)!r} holds something else than an OCI image layout: name a folder that is "
            "not there yet, or an image layout"
        )
    version = _json(path, _LAYOUT)["imageLayoutVersion"].text(max_length=16)
    if not version.startswith("1."):
        raise PackageError(
            f"{str(path)!r} is an image layout of version {version!r}: 1.0.0 is known"
        )
    index = _json(path, _INDEX)
    return [_entry(item) for item in index["manifests"].items(max_length=10_000)]


def _entry(reader: Reader) -> _Entry:
    annotations, kind = reader.get("annotations"), reader.get("artifactType")
    tag = None if annotations is None or annotations.is_null else annotations.get(_TAG)
    return _Entry(
        json=reader.json_object(),
        descriptor=Descriptor.from_json(reader),
        tag="" if tag is None else tag.text(),
        artifact_type="" if kind is None else kind.text(max_length=255),
    )


def _json(path: Path, name: str) -> Reader:
    data = _read(path / name, at_most_bytes=_MAX_JSON_BYTES)
    try:
        return Reader(parse_json(data), f"{name} of {str(path)!r}", PackageError)
    except ValueError as error:
        raise PackageError(f"{name} of {str(path)!r} is no readable JSON: {error}") from error


def _blob_path(path: Path, digest: str) -> Path:
    algorithm, _, digits = digest.partition(":")
    return path / "blobs" / algorithm / digits


def _blob(path: Path, descriptor: Descriptor) -> bytes:
    file = _blob_path(path, descriptor.digest)
    data = _read(file, at_most_bytes=descriptor.size)
    if len(data) != descriptor.size:
        raise PackageError(
            f"blob {str(file)!r} has {len(data)} bytes, {descriptor.size} were expected: it is "
            "damaged; copy the layout again"
        )
    if digest_of(data) != descriptor.digest:
        raise PackageError(
            f"blob {str(file)!r} holds other bytes than its name says: it is damaged or was "
            "tampered with; copy the layout again"
        )
    return data


def _read(file: Path, *, at_most_bytes: int) -> bytes:
    """Return a plain file of bounded size.

    Links and pipes are refused: whoever made the layout must not choose what of this machine is
    read, nor for how long.
    """
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise PackageError(f"{str(file)!r} is no plain file")
            if found.st_size > at_most_bytes:
                raise PackageError(
                    f"{str(file)!r} has {found.st_size} bytes, at most {at_most_bytes} were "
                    "expected"
                )
            return opened.read(at_most_bytes + 1)
    except OSError as error:
        raise PackageError(f"cannot read {str(file)!r}: {error.strerror}") from error


def _write_blobs(path: Path, artifact: OciArtifact) -> None:
    for digest, data in artifact.blobs.items():
        file = _blob_path(path, digest)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not (file.is_file() and file.read_bytes() == data):
            write_at_once(file, data)
