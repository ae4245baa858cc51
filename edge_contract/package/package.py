"""A model package in memory, checked against its manifest, and its one-file form.

The one-file form, ``NAME-VERSION.modelpkg``, is a zip whose members are stored, not compressed: an
ONNX model hardly compresses, and stored members can be read in place.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Self

from edge_contract.errors import PackageError
from edge_contract.package.digests import digest_of, short
from edge_contract.package.golden import Golden
from edge_contract.package.manifest import (
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    Artifact,
    ArtifactRole,
    Manifest,
)
from edge_contract.package.reference import Reference
from edge_contract.package.stored_files import stored_files
from edge_contract.records import dataclass, replace

if TYPE_CHECKING:
    import zipfile

__all__ = ["PACKAGE_SUFFIX", "Package", "verify_artifact"]

PACKAGE_SUFFIX: Final = ".modelpkg"


@dataclass(frozen=True, slots=True)
class Package:
    """A manifest and the files that it lists, all of them verified.

    Attributes:
        manifest: The parsed manifest.
        manifest_bytes: The manifest as it came; its digest names the package.
        files: Content by path, without the manifest.
        variant: Whose model and golden vectors :meth:`model` and :meth:`golden` return; empty for
            the exact model. The package is the same, whichever is meant.
    """

    manifest: Manifest
    manifest_bytes: bytes
    files: Mapping[str, bytes]
    variant: str = ""

    @classmethod
    def verified(cls, manifest_bytes: bytes, files: Mapping[str, bytes]) -> Self:
        """Return a package if every file is there and is the one that the manifest names.

        Raises:
            PackageError: The manifest is wrong; a file is missing, extra or differs.
        """
        manifest = Manifest.from_bytes(manifest_bytes)
        listed = {artifact.path: artifact for artifact in manifest.artifacts}
        for path in files:
            if path not in listed:
                raise PackageError(
                    f"package {manifest.reference} holds {path!r}, which its manifest does not list"
                )
        for path, artifact in listed.items():
            if path not in files:
                raise PackageError(
                    f"package {manifest.reference} lacks {path!r}, which its manifest lists; "
                    "fetch it again"
                )
            verify_artifact(artifact, files[path], package=manifest.reference)
        return cls(manifest, manifest_bytes, dict(files))

    @classmethod
    def from_archive(cls, data: bytes) -> Self:
        """Read the one-file form.

        Raises:
            PackageError: It is no zip, damaged, has folders, or does not fit its manifest.
        """
        contents = stored_files(data)
        if contents is None:
            contents = _contents(data)
        manifest_bytes = contents.pop(MANIFEST_NAME, None)
        if manifest_bytes is None:
            raise PackageError(f"not a model package: it holds no {MANIFEST_NAME}")
        if len(manifest_bytes) > MAX_MANIFEST_BYTES:
            raise PackageError(f"{MANIFEST_NAME} has {len(manifest_bytes)} bytes, too many")
        return cls.verified(manifest_bytes, contents)

    def to_archive(self) -> bytes:
        """Return the one-file form; the same package always gives the same bytes."""
        import io
        import zipfile

        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for path in (MANIFEST_NAME, *sorted(self.files)):
                info = zipfile.ZipInfo(path)
                info.create_system = 3  # Unix, also where Python would write down another system
                archive.writestr(info, self.files.get(path, self.manifest_bytes))
        return buffer.getvalue()

    @property
    def digest(self) -> str:
        """The package's content address."""
        return digest_of(self.manifest_bytes)

    @property
    def file_name(self) -> str:
        """How the one-file form is called."""
        return f"{self.manifest.name}-{self.manifest.version}{PACKAGE_SUFFIX}"

    def of_variant(self, variant: str) -> Self:
        """Return the same package with another variant meant; see :attr:`variant`.

        Raises:
            PackageError: It has no such variant.
        """
        chosen = self.manifest.artifact(ArtifactRole.MODEL, variant=variant)
        is_exact = chosen == self.manifest.models[0]
        return replace(self, variant="" if is_exact else variant)

    def model(self, *, variant: str = "") -> bytes:
        """Return the ONNX model; raises ``PackageError`` if there is none of that variant."""
        wanted = variant or self.variant
        return self.files[self.manifest.artifact(ArtifactRole.MODEL, variant=wanted).path]

    def reference(self, *, with_strata: bool = True) -> Reference:
        """Return the parsed reference, see :meth:`Reference.from_bytes`.

        Raises:
            PackageError: It is missing or wrong.
        """
        data = self.files[self.manifest.artifact(ArtifactRole.REFERENCE).path]
        return Reference.from_bytes(data, with_strata=with_strata)

    def golden(self) -> Golden:
        """Return the golden vectors; raises ``PackageError`` if they are missing or wrong."""
        data = self.files[self.manifest.artifact(ArtifactRole.GOLDEN).path]
        golden = Golden.from_bytes(data)
        return golden.of_variant(self.variant) if self.variant else golden


def verify_artifact(artifact: Artifact, data: bytes, *, package: str) -> None:
    """Raise ``PackageError`` unless ``data`` is the file that ``artifact`` describes."""
    if len(data) != artifact.size:
        raise PackageError(
            f"package {package}: {artifact.path!r} has {len(data)} bytes, its manifest says "
            f"{artifact.size}: it is damaged; fetch it again"
        )
    found = digest_of(data)
    if found != artifact.digest:
        raise PackageError(
            f"package {package}: {artifact.path!r} has digest {short(found)}..., its manifest says "
            f"{short(artifact.digest)}...: it is damaged or was tampered with; fetch it again"
        )


def _contents(data: bytes) -> dict[str, bytes]:
    """Return the members of a zip; raises ``PackageError`` and says why if it is no package."""
    import io
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _members(archive, size=len(data))
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,  # a member that says it is encrypted
        ValueError,
    ) as error:
        raise PackageError(f"not a readable model package: {error}") from error


def _members(archive: "zipfile.ZipFile", *, size: int) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    left_bytes = size
    for info in archive.infolist():
        if info.compress_type:  # so that nothing can inflate
            raise PackageError(f"{info.filename!r} is compressed; packages store their files as is")
        left_bytes -= info.file_size
        if left_bytes < 0:  # members that share their bytes
            raise PackageError(f"not a model package: its files have more than its {size} bytes")
        if info.filename in contents:
            raise PackageError(f"not a model package: {info.filename!r} is in it twice")
        if "/" in info.filename or "\\" in info.filename:
            raise PackageError(f"not a model package: {info.filename!r} is in a folder")
        contents[info.filename] = archive.read(info)
    return contents
