"""Makes the keys of a fleet and its first metadata, and replaces keys later.

A folder of keys looks like this; all but ``cloud`` belongs somewhere without a network::

    root-1.pem ...      sign the root, which says whose keys count for what; a threshold of them
    targets.pem         says which key releases which model, and which key is the director's
    model-NAME.pem      releases versions of one model
    cloud/              what the cloud needs: keys that sign every day, and the metadata
"""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Root, Targets

from cloud_sync.trust.keys import load_key, make_key
from cloud_sync.trust.metadata import MetadataFolder, until
from cloud_sync.trust.online import ONLINE, OnlineRoles
from edge_contract.errors import UsageError
from edge_contract.names import checked_name
from edge_contract.trust import DIRECTOR, family_of, target_of

__all__ = ["Ceremony", "Passwords", "roles_of"]


_Offline = TypeVar("_Offline", Root, Targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """What keys are encrypted with; ``None`` leaves them as they are, readable by their owner.

    Attributes:
        offline: Of the root, the targets and the models.
        online: Of those that the cloud needs without anybody being there.
    """

    offline: bytes | None = None
    online: bytes | None = None


class Ceremony:
    """The keys of one fleet, in the hands of who may change them.

    Args:
        folder: Of the keys.
        passwords: Theirs.
        now: The time of day, for expiry.
    """

    def __init__(self, folder: Path, passwords: Passwords, *, now: datetime.datetime) -> None:
        self._folder = folder
        self._passwords = passwords
        self._now = now
        self._metadata = MetadataFolder(folder / "cloud" / "metadata")

    @property
    def cloud(self) -> Path:
        """The folder that the cloud gets."""
        return self._folder / "cloud"

    def begin(self, models: Sequence[str], *, root_keys: int = 3, threshold: int = 2) -> None:
        """Make all keys and the first metadata of every role.

        Raises:
            UsageError: There are keys already, or the threshold asks for more than there are.
        """
        if not 1 <= threshold <= root_keys:
            raise UsageError(
                f"a threshold of {threshold} of {root_keys} keys of the root cannot be held: "
                f"give one from 1 to {root_keys}"
            )
        if self._folder.exists() and any(self._folder.iterdir()):
            raise UsageError(f"{str(self._folder)!r} is not empty: keys are never written over")
        names = [checked_name(model, "model") for model in models]
        roots = [self._make(f"root-{index + 1}") for index in range(root_keys)]
        root = Root(expires=until("root", self._now))
        for signer in roots:
            root.add_key(signer.public_key, "root")
        root.roles["root"].threshold = threshold
        targets_signer = self._make("targets")
        root.add_key(targets_signer.public_key, "targets")
        online = {role: self._make(role) for role in ONLINE}
        for role in ("snapshot", "timestamp"):
            root.add_key(online[role].public_key, role)
        self._sign("root", root, roots)
        targets = Targets(expires=until("targets", self._now))
        targets.delegations = Delegations({}, {})
        _delegate(targets, DIRECTOR, online[DIRECTOR], paths=[])
        for name in names:
            self._add_family(targets, name)
        self._sign("targets", targets, [targets_signer])
        self._publish()

    def add_models(self, models: Sequence[str]) -> None:
        """Make a key for each further model.

        Raises:
            UsageError: One has a key already, or a key that has to sign cannot be used. Then
                nothing has changed.
        """
        names = list(dict.fromkeys(checked_name(model, "model") for model in models))
        online, signer = self._online(), self._load("targets")
        targets = self._metadata.targets().signed
        for name in names:
            if family_of(name) in _delegated(targets):
                raise UsageError(
                    f"{name} has a key already; replace it: keys rotate {family_of(name)}"
                )
        for name in names:
            self._add_family(targets, name)
        self._renew("targets", targets, [signer])
        online.publish(now=self._now)

    def rotate(self, role: str) -> None:
        """Replace the key of a role by a new one; the old file is kept as ``.old``.

        Args:
            role: ``root`` (all of its keys), ``targets``, ``snapshot``, ``timestamp``,
                ``director`` or ``model-NAME``.

        Raises:
            UsageError: There is no such role, or a key that has to sign cannot be used. Then
                nothing has changed.
        """
        self._online()  # so that nothing is replaced that could not be published
        if role == "root":
            self._rotate_root()
        elif role in ("targets", "snapshot", "timestamp"):
            self._rotate_of_root(role)
        else:
            self._rotate_delegated(role)
        self._publish()

    def _rotate_root(self) -> None:
        root = self._metadata.root().signed
        before = self._root_signers()
        for signer in before:
            root.revoke_key(signer.public_key.keyid, "root")
        after = [self._replace(f"root-{index + 1}") for index in range(len(before))]
        for signer in after:
            root.add_key(signer.public_key, "root")
        self._renew("root", root, [*before, *after])

    def _rotate_of_root(self, role: str) -> None:
        root, signers = self._metadata.root().signed, self._root_signers()
        for key_id in list(root.roles[role].keyids):
            root.revoke_key(key_id, role)
        signer = self._replace(role)
        root.add_key(signer.public_key, role)
        self._renew("root", root, signers)
        if role == "targets":
            self._renew("targets", self._metadata.targets().signed, [signer])

    def _rotate_delegated(self, role: str) -> None:
        targets = self._metadata.targets().signed
        known, parent = _delegated(targets), self._load("targets")
        if role not in known:
            names = ", ".join(["root", "targets", "snapshot", "timestamp", *known])
            raise UsageError(f"there is no role {role!r}: choose from {names}")
        for key_id in list(known[role].keyids):
            targets.revoke_key(key_id, role)
        signer = self._replace(role)
        targets.add_key(signer.public_key, role)
        self._renew("targets", targets, [parent])
        if role != DIRECTOR:
            self._renew(role, self._metadata.targets(role).signed, [signer])

    def _root_signers(self) -> list[CryptoSigner]:
        paths = sorted(self._folder.glob("root-*.pem"))
        return [load_key(path, password=self._passwords.offline) for path in paths]

    def _add_family(self, targets: Targets, model: str) -> None:
        role = family_of(model)
        signer = self._make(role)
        _delegate(targets, role, signer, paths=[target_of(model, "*")])
        self._sign(role, Targets(expires=until(role, self._now)), [signer])

    def _renew(self, role: str, signed: _Offline, signers: Iterable[CryptoSigner]) -> None:
        signed.version += 1
        signed.expires = until(role, self._now)
        self._sign(role, signed, signers)

    def _sign(self, role: str, signed: _Offline, signers: Iterable[CryptoSigner]) -> None:
        metadata = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        self._metadata.save(role, metadata)

    def _online(self) -> OnlineRoles:
        if not self._metadata.exists:
            raise UsageError(
                f"there are no keys in {str(self._folder)!r}: make them with `edgefleet keys init`"
            )
        return OnlineRoles(self.cloud, password=self._passwords.online)

    def _publish(self) -> None:
        self._online().publish(now=self._now)

    def _path(self, name: str) -> Path:
        return (self.cloud if name in ONLINE else self._folder) / f"{name}.pem"

    def _password(self, name: str) -> bytes | None:
        return self._passwords.online if name in ONLINE else self._passwords.offline

    def _make(self, name: str) -> CryptoSigner:
        return make_key(self._path(name), password=self._password(name))

    def _load(self, name: str) -> CryptoSigner:
        return load_key(self._path(name), password=self._password(name))

    def _replace(self, name: str) -> CryptoSigner:
        path = self._path(name)
        path.replace(path.with_suffix(".old"))
        return self._make(name)


def roles_of(metadata: MetadataFolder) -> list[tuple[str, int, str, str, str]]:
    """Return role, version, expiry, keys and threshold of every role, for people.

    Raises:
        UsageError: There is no metadata.
    """
    if not metadata.exists:
        raise UsageError("there are no keys: make them with `edgefleet keys init`")
    root, targets = metadata.root().signed, metadata.targets().signed
    families = _delegated(targets)
    expires = {
        "root": root.expires,
        "targets": targets.expires,
        "snapshot": metadata.snapshot().signed.expires,
        "timestamp": metadata.timestamp().signed.expires,
        **{role: metadata.targets(role).signed.expires for role in families if role != DIRECTOR},
    }
    rows = []
    for role, held in {**root.roles, **families}.items():
        date = f"{expires[role]:%Y-%m-%d}" if role in expires else "-"
        keys = ", ".join(key_id[:12] for key_id in held.keyids)
        version = metadata.version(role)
        rows.append((role, version, date, keys, f"{held.threshold} of {len(held.keyids)}"))
    return rows


def _delegate(targets: Targets, role: str, signer: CryptoSigner, *, paths: list[str]) -> None:
    """Say whose key counts for a role, and which targets it may release."""
    delegations = targets.delegations
    if delegations is None or delegations.roles is None:
        raise UsageError("these targets delegate to nobody")
    delegations.roles[role] = DelegatedRole(role, [], 1, terminating=True, paths=paths)
    targets.add_key(signer.public_key, role)


def _delegated(targets: Targets) -> dict[str, DelegatedRole]:
    """Return the delegated roles by name."""
    roles = targets.delegations.roles if targets.delegations else None
    return dict(roles or {})
