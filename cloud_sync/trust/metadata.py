"""TUF metadata in a folder, as devices fetch it: every version of every role in a file."""

import datetime
import re
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from cloud_sync.adapters.durable_files import write_durably
from edge_contract.errors import UnavailableError, UsageError

__all__ = ["LIFETIMES", "TUF_ERRORS", "MetadataFolder", "until"]

TUF_ERRORS: Final = (DeserializationError, DownloadError, RepositoryError, ValueError, KeyError)
"""What python-tuf raises about metadata that it cannot read or verify."""

LIFETIMES: Final = {
    "root": datetime.timedelta(days=730),
    "targets": datetime.timedelta(days=365),
    "snapshot": datetime.timedelta(days=30),
    "timestamp": datetime.timedelta(days=7),
}
"""How long metadata is good for, by role; families of models as ``targets``."""

_NAME: Final = re.compile(r"(timestamp|(\d{1,9}\.)?root|\d{1,9}\.[A-Za-z0-9_-]{1,80})\.json")
_Signed = TypeVar("_Signed", Root, Snapshot, Targets, Timestamp)


def until(role: str, now: datetime.datetime) -> datetime.datetime:
    """Return when metadata expires that is signed now."""
    lifetime = LIFETIMES.get(role, LIFETIMES["targets"])
    return (now + lifetime).replace(microsecond=0)


class MetadataFolder:
    """Reads and writes the metadata of one repository.

    Args:
        folder: Made at the first write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def exists(self) -> bool:
        """Whether there is a root here."""
        return (self._folder / "root.json").is_file()

    def file(self, name: str) -> bytes | None:
        """Return a file as devices ask for it; ``None`` if there is none of that name."""
        path = self._folder / name
        if _NAME.fullmatch(name) is None or not path.is_file():
            return None
        return path.read_bytes()

    def version(self, role: str) -> int:
        """Return the number of a role's newest metadata; 0 if there is none."""
        if role == "timestamp":
            has_one = (self._folder / "timestamp.json").is_file()
            return self.timestamp().signed.version if has_one else 0
        names = (path.name.partition(".")[0] for path in self._folder.glob(f"*.{role}.json"))
        return max((int(name) for name in names if name.isdigit()), default=0)

    def root(self) -> Metadata[Root]:
        """Return the newest root."""
        return self._load("root.json", Root)

    def snapshot(self) -> Metadata[Snapshot]:
        """Return the newest snapshot."""
        return self._load(f"{self.version('snapshot')}.snapshot.json", Snapshot)

    def timestamp(self) -> Metadata[Timestamp]:
        """Return the newest timestamp."""
        return self._load("timestamp.json", Timestamp)

    def targets(self, role: str = "targets") -> Metadata[Targets]:
        """Return the newest targets of a role.

        Raises:
            UsageError: There is no such role.
        """
        version = self.version(role)
        if not version:
            raise UsageError(f"no role {role!r} has signed anything here")
        return self._load(f"{version}.{role}.json", Targets)

    def save(self, role: str, metadata: Metadata[_Signed]) -> None:
        """Write the next version of a role; whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        data = metadata.to_bytes()
        if role != "timestamp":
            write_durably(self._folder / f"{metadata.signed.version}.{role}.json", data)
        if role in ("root", "timestamp"):
            write_durably(self._folder / f"{role}.json", data)

    def _load(self, name: str, kind: type[_Signed]) -> Metadata[_Signed]:
        path = self._folder / name
        try:
            found: Metadata[_Signed] = Metadata.from_bytes(path.read_bytes())
        except (OSError, *TUF_ERRORS) as error:
            raise UnavailableError(
                f"signed metadata {str(path)!r} cannot be read: {error}; restore it from a backup"
            ) from error
        if not isinstance(found.signed, kind):
            raise UnavailableError(f"{str(path)!r} holds metadata of another role")
        return found
