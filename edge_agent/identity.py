"""What a device proves itself by, as it lies in its state folder, readable by its owner only."""

import json
import os
from pathlib import Path
from typing import Final

from edge_agent.adapters.durable_files import make_folder, sync_folder, write_durably
from edge_contract.enrolment import Membership
from edge_contract.errors import EdgeError, MessageError, UnavailableError, UsageError
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field

__all__ = ["Identity", "identity_in", "pending_key", "save_identity"]

_FOLDER: Final = "identity"
_FILE: Final = "membership.json"
_PENDING_KEY: Final = "next-key.pem"
_KEY: Final = "device-key.pem"
_CERTIFICATE: Final = "device.pem"
_AUTHORITY: Final = "ca.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A device that has joined a fleet.

    Attributes:
        cloud: URL of the cloud's API.
        token_id: Of the token that it joined by.
        membership: What the cloud gave it.
        key: File with its private key, PEM.
        ca_file: File with what signs the cloud's certificate; ``None`` for what the system trusts.
        certificate: File with its own certificate; ``None`` for none.
    """

    cloud: str
    token_id: str
    membership: Membership = field(repr=False)
    key: Path
    ca_file: str | None
    certificate: str | None

    @property
    def root(self) -> bytes | None:
        """The TUF root that it pinned when it joined."""
        return self.membership.root.encode() or None


def identity_in(state: Path) -> Identity | None:
    """Return who a state folder belongs to; ``None`` if its device never joined.

    Raises:
        UsageError: What lies there cannot be read.
    """
    folder = state / _FOLDER
    path = folder / _FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"cannot read {str(path)!r}: {error.strerror}; run as the user who joined"
        ) from error
    try:
        reader = Reader(json.loads(text), "membership", MessageError)
        membership = Membership.from_json(reader.json_object())
        return Identity(
            cloud=reader["cloud"].text(),
            token_id=reader["token_id"].text(),
            membership=membership,
            key=folder / _KEY,
            ca_file=str(folder / _AUTHORITY) if membership.ca_pem else None,
            certificate=(str(folder / _CERTIFICATE) if membership.certificate_pem else None),
        )
    except (ValueError, EdgeError) as error:
        raise UsageError(
            f"{str(path)!r} is damaged ({error}): remove {str(folder)!r} and join again"
        ) from error


def pending_key(state: Path, made: bytes) -> bytes:
    """Return the key of a join that has not been answered yet; ``made`` if there is none.

    It is kept, so that an answer which got lost can be asked for again.

    Raises:
        UnavailableError: The folder cannot be written.
    """
    path = state / _FOLDER / _PENDING_KEY
    try:
        if path.exists():
            return path.read_bytes()
        make_folder(path.parent, mode=0o700)
        _write_private(path, made)
    except OSError as error:
        raise _unwritable(path, error) from error
    return made


def save_identity(
    state: Path, membership: Membership, *, cloud: str, token_id: str, key: bytes
) -> Identity:
    """Keep what the cloud gave, in place of what it gave before.

    Raises:
        UnavailableError: The folder cannot be written; joining again mends what is half there.
    """
    folder = state / _FOLDER
    body: JsonObject = {**membership.to_json(), "cloud": cloud, "token_id": token_id}
    try:
        make_folder(folder, mode=0o700)
        _write_private(folder / _AUTHORITY, membership.ca_pem.encode())
        _write_private(folder / _KEY, key)
        _write_private(folder / _CERTIFICATE, membership.certificate_pem.encode())
        _write_private(folder / _FILE, json.dumps(body, indent=1).encode())
        sync_folder(folder)
        (folder / _PENDING_KEY).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error
    found = identity_in(state)
    if found is None:
        raise UnavailableError(f"{str(folder / _FILE)!r} is gone: another process removed it")
    return found


def _write_private(path: Path, data: bytes) -> None:
    """Write a file in one step that nobody else may read, not even while it is written."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    write_durably(new, data)
    new.replace(path)


def _unwritable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"cannot write {str(path)!r}: {error.strerror or error}; give this user the right to"
    )
