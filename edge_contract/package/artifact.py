"""The files of a package, as OCI descriptors with a role."""

from typing import Final, Self

from edge_contract.package.digests import DIGEST_PATTERN
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field

__all__ = ["Artifact", "ArtifactRole"]

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
