"""The registry in a folder: files by content, and one small index that names them.

::

    blobs/sha256/ab/abcd...   every file of every package, once, by its digest
    packages.json                which version is which package, and which version is stable

The index is a file of its own and not a table of the warehouse: the folder then is complete by
itself, can be copied while the cloud runs, and does not change when the warehouse does. It is
replaced as a whole, after the files that it names, so a crash leaves the old state or the new one.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cloud_sync.adapters.durable_files import remove_unfinished, write_durably
from cloud_sync.adapters.folder_lock import FolderLock
from cloud_sync.core.facts import PackageFacts
from cloud_sync.ports import PackageVersion
from edge_contract.errors import MessageError, PackageError, UnavailableError, UsageError
from edge_contract.names import VERSION_PATTERN, Version
from edge_contract.onnx_file import require_safe_model
from edge_contract.package import Manifest, Package, Reference, Role, layout_of, short
from edge_contract.package.digests import DIGEST_PATTERN, canonical_json, digest_of
from edge_contract.package.manifest import ArtifactRole
from edge_contract.reading import JsonObject, Reader

__all__ = ["FolderRegistry"]


@dataclass(slots=True)
class _Model:
    """A model of the index: its stable version, and all versions by number."""

    stable: str
    versions: dict[str, PackageVersion] = field(default_factory=dict)


class FolderRegistry:
    """Implements :class:`cloud_sync.ports.PackageRepository`. Thread-safe.

    Args:
        folder: Made if missing.
        read_only: Look packages up beside the process that holds the folder; nothing can be put.

    Raises:
        UsageError: Another process holds the folder.
        UnavailableError: It cannot be written, or its index is damaged.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self._folder = folder
        self._changing = threading.Lock()
        self._facts: dict[str, PackageFacts] = {}
        self._lock: FolderLock | None = None
        if read_only:
            self._read()
            return
        self._lock = FolderLock(folder, "registry", name="registry.lock")
        try:
            remove_unfinished(folder)
            for blobs in (folder / "blobs" / "sha256").glob("*"):
                remove_unfinished(blobs)
            self._read()
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Let go of the folder. Idempotent."""
        if self._lock is not None:
            self._lock.close()

    def refresh(self) -> None:
        """See what another process has put since; for a registry that is only read."""
        with self._changing:
            self._read()

    def _read(self) -> None:
        self._models = _read_index(self._folder / "packages.json")
        self._digests = {
            version.digest for model in self._models.values() for version in model.versions.values()
        }

    def put(self, package: Package, *, at_unix_s: float) -> PackageVersion:
        """Keep a package durably; all of it is there on return, or nothing."""
        if self._lock is None:
            raise UsageError("this registry is only read: push to the cloud that holds the folder")
        manifest = package.manifest
        facts = _facts(package.digest, manifest, package.reference())
        strata = facts.reference.strata
        if strata is not None:
            strata.spec.zone()  # better refused now than every window of it later
        for held in manifest.models:
            require_safe_model(package.files[held.path], what=f"model of {manifest.reference}")
        with self._changing:
            model = self._models.get(manifest.name)
            known = model.versions.get(manifest.version) if model else None
            if known is not None:
                _require_same(known, package.digest)
            self._write_blob(package.digest, package.manifest_bytes)
            for artifact in manifest.artifacts:
                self._write_blob(artifact.digest, package.files[artifact.path])
            if known is not None:
                return known
            version = PackageVersion(manifest.name, manifest.version, package.digest, at_unix_s)
            models = dict(self._models)
            before = models.get(version.model) or _Model(stable=version.version)
            versions = {**before.versions, version.version: version}
            models[version.model] = _Model(before.stable, versions)
            self._replace_index(models)
            self._facts[package.digest] = facts
            self._digests.add(package.digest)
            return version

    def find(self, digest: str) -> PackageFacts | None:
        """Return a package, or ``None`` if there is none of that digest."""
        if digest not in self._digests:
            return None
        facts = self._facts.get(digest)
        if facts is None:
            facts = self._facts[digest] = self._load(digest)
        return facts

    def models(self) -> list[str]:
        """Return the names of all models, rising."""
        return sorted(self._models)

    def versions(self, model: str) -> list[PackageVersion]:
        """Return the versions of a model, newest first; raises ``UsageError`` if unknown."""
        return sorted(
            self._model(model).versions.values(),
            key=lambda version: Version.parse(version.version),
            reverse=True,
        )

    def version(self, model: str, version: str) -> PackageVersion:
        """Return one version; raises ``UsageError`` if it is not there."""
        found = self._model(model).versions.get(version)
        if found is None:
            known = ", ".join(item.version for item in self.versions(model)[:10])
            raise UsageError(f"model {model!r} has no version {version!r}; it has {known}")
        return found

    def stable(self, model: str) -> PackageVersion:
        """Return the version that the fleet runs by default."""
        return self.version(model, self._model(model).stable)

    def set_stable(self, model: str, version: str) -> None:
        """Make a version the one that the fleet runs by default, durably."""
        with self._changing:
            chosen = self.version(model, version)
            models = dict(self._models)
            models[model] = _Model(chosen.version, models[model].versions)
            self._replace_index(models)

    def blob_path(self, digest: str) -> Path:
        """Return the file of a manifest or artifact; raises ``UsageError`` if it is not there."""
        path = self._place(digest)
        if not path.is_file():
            raise UsageError(f"the registry has no file of digest {digest}")
        return path

    def _model(self, model: str) -> _Model:
        if model not in self._models:
            raise UsageError(f"model {model!r} is not in the registry: push it first")
        return self._models[model]

    def _place(self, digest: str) -> Path:
        algorithm, _, digits = digest.partition(":")
        if algorithm != "sha256" or len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
            raise UsageError(f"digest {digest!r} is not sha256: and 64 hexadecimal digits")
        return self._folder / "blobs" / algorithm / digits[:2] / digits

    def _write_blob(self, digest: str, data: bytes) -> None:
        """Write a file unless it is there undamaged: pushing again repairs a registry."""
        path = self._place(digest)
        if not path.is_file() or digest_of(path.read_bytes()) != digest:
            write_durably(path, data)

    def _read_blob(self, digest: str) -> bytes:
        data = self.blob_path(digest).read_bytes()
        if digest_of(data) != digest:
            raise PackageError(f"file {digest} is damaged")
        return data

    def _replace_index(self, models: Mapping[str, _Model]) -> None:
        write_durably(self._folder / "packages.json", canonical_json(_index(models)))
        self._models = dict(models)

    def _load(self, digest: str) -> PackageFacts:
        try:
            manifest = Manifest.from_bytes(self._read_blob(digest))
            reference = self._read_blob(manifest.artifact(ArtifactRole.REFERENCE).digest)
            return _facts(digest, manifest, Reference.from_bytes(reference))
        except (OSError, PackageError, UsageError) as error:
            raise UnavailableError(
                f"package {short(digest)}... of the registry {str(self._folder)!r} cannot be read: "
                f"{error}; restore the folder from a backup"
            ) from error


def _facts(digest: str, manifest: Manifest, reference: Reference) -> PackageFacts:
    """Return the facts of a package; raises ``PackageError`` if devices could not count for it."""
    facts = PackageFacts(digest, manifest, reference)
    for role in Role.ALL:
        layout_of(role, manifest, facts.specs[role])
    return facts


def _require_same(known: PackageVersion, digest: str) -> None:
    if known.digest != digest:
        raise UsageError(
            f"{known.model}@{known.version} is in the registry with other content "
            f"({short(known.digest)}..., not {short(digest)}...): versions never change, "
            "so push this one under a new version"
        )


def _index(models: Mapping[str, _Model]) -> JsonObject:
    return {
        "models": {
            name: {
                "stable": model.stable,
                "versions": {
                    version.version: {
                        "digest": version.digest,
                        "pushed_unix_s": version.pushed_unix_s,
                    }
                    for version in model.versions.values()
                },
            }
            for name, model in models.items()
        }
    }


def _read_index(path: Path) -> dict[str, _Model]:
    try:
        document = json.loads(path.read_bytes())
        reader = Reader(document, "index", MessageError)["models"]
        return {name: _read_model(name, item) for name, item in reader.fields().items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, MessageError) as error:
        raise UnavailableError(
            f"the registry's index {str(path)!r} cannot be read: {error}; "
            "restore the folder from a backup"
        ) from error


def _read_model(name: str, reader: Reader) -> _Model:
    return _Model(
        stable=reader["stable"].text(pattern=VERSION_PATTERN),
        versions={
            version: PackageVersion(
                model=name,
                version=version,
                digest=item["digest"].text(pattern=DIGEST_PATTERN),
                pushed_unix_s=item["pushed_unix_s"].number(),
            )
            for version, item in reader["versions"].fields().items()
        },
    )
