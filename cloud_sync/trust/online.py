"""What the cloud signs by itself: which metadata is the newest, and orders to devices."""

import datetime
import threading
from pathlib import Path
from typing import Final, TypeVar

from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from cloud_sync.trust.keys import load_key
from cloud_sync.trust.metadata import TUF_ERRORS, MetadataFolder, until
from edge_contract.errors import PackageError, UsageError
from edge_contract.trust import DIRECTOR, Seal

__all__ = ["ONLINE", "OnlineRoles"]

_Online = TypeVar("_Online", Snapshot, Timestamp)

ONLINE: Final = ("snapshot", "timestamp", DIRECTOR)
"""Roles whose keys the cloud has."""


class OnlineRoles:
    """The repository's side of TUF. Thread-safe.

    Args:
        folder: ``metadata/`` and one ``.pem`` for each of :data:`ONLINE`.
        password: Of the keys, where they are encrypted.

    Raises:
        UsageError: A key is missing, or cannot be used.
    """

    def __init__(self, folder: Path, *, password: bytes | None = None) -> None:
        self.metadata = MetadataFolder(folder / "metadata")
        self._signers = {
            role: load_key(folder / f"{role}.pem", password=password) for role in ONLINE
        }
        self._changing = threading.Lock()

    def seal(self, topic: str, payload: bytes) -> bytes:
        """Return a message to a device with the director's signature."""
        signature = self._signers[DIRECTOR].sign(Seal.signed_bytes(topic, payload))
        return Seal(signature.keyid, bytes.fromhex(signature.signature), payload).to_bytes()

    def accept(self, role: str, data: bytes, *, now: datetime.datetime) -> int:
        """Take over the next version of a role that somebody signed elsewhere; return its number.

        Raises:
            PackageError: It is not signed by a threshold of the keys that count for the role, has
                expired, or is not the version after the newest one.
        """
        with self._changing:
            newest = self.metadata.version(role)
            if newest and self.metadata.file(f"{newest}.{role}.json") == data:
                return newest  # said again, or signed in this very folder
            try:
                number = self._accept(role, data, now)
            except (*TUF_ERRORS, UsageError) as error:
                raise PackageError(f"metadata of {role!r} is refused: {error}") from error
            self._publish(now)
            return number

    def refresh(self, *, now: datetime.datetime) -> bool:
        """Sign again what is past half of its life; return whether anything was."""
        with self._changing:
            timestamp = self.metadata.timestamp().signed
            snapshot = self.metadata.snapshot().signed
            if not any(
                signed.expires - now < (until(role, now) - now) / 2
                for role, signed in (("timestamp", timestamp), ("snapshot", snapshot))
            ):
                return False
            self._publish(now)
            return True

    def publish(self, *, now: datetime.datetime) -> None:
        """Sign a snapshot of all that is in the folder, and a timestamp of it."""
        with self._changing:
            self._publish(now)

    def _accept(self, role: str, data: bytes, now: datetime.datetime) -> int:
        root = self.metadata.root().signed
        if role == "root":
            return self._accept_root(root, data)
        new: Metadata[Targets] = Metadata.from_bytes(data)
        if not isinstance(new.signed, Targets):
            raise UsageError("it is no list of targets")
        if role == "targets":
            root.verify_delegate(role, new.signed_bytes, new.signatures)
            newest = self.metadata.version(role)
        else:
            parent = self.metadata.targets().signed
            parent.verify_delegate(role, new.signed_bytes, new.signatures)
            newest = self.metadata.version(role)
        _require_next(new.signed.version, newest)
        if new.signed.is_expired(now):
            raise UsageError(f"it expired on {new.signed.expires:%Y-%m-%d}")
        self.metadata.save(role, new)
        return new.signed.version

    def _accept_root(self, before: Root, data: bytes) -> int:
        new: Metadata[Root] = Metadata.from_bytes(data)
        if not isinstance(new.signed, Root):
            raise UsageError("it is no root")
        for judge in (before, new.signed):
            judge.verify_delegate("root", new.signed_bytes, new.signatures)
        _require_next(new.signed.version, before.version)
        self.metadata.save("root", new)
        return new.signed.version

    def _publish(self, now: datetime.datetime) -> None:
        roles = ["targets", *self._families()]
        snapshot = Snapshot(
            version=self.metadata.version("snapshot") + 1,
            expires=until("snapshot", now),
            meta={f"{role}.json": MetaFile(self.metadata.version(role)) for role in roles},
        )
        self._sign("snapshot", Metadata(snapshot))
        timestamp = Timestamp(
            version=self.metadata.version("timestamp") + 1,
            expires=until("timestamp", now),
            snapshot_meta=MetaFile(snapshot.version),
        )
        self._sign("timestamp", Metadata(timestamp))

    def _sign(self, role: str, metadata: Metadata[_Online]) -> None:
        metadata.sign(self._signers[role])
        self.metadata.save(role, metadata)

    def _families(self) -> list[str]:
        delegations = self.metadata.targets().signed.delegations
        roles = delegations.roles if delegations and delegations.roles else {}
        return [name for name in roles if name != DIRECTOR and self.metadata.version(name)]


def _require_next(version: int, newest: int) -> None:
    if version != newest + 1:
        raise UsageError(
            f"it is version {version}, and the newest here is {newest}: sign it again on top of "
            "that"
        )
