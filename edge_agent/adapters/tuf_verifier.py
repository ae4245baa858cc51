"""Verifies by TUF what was released and who orders: metadata from any mirror, trust from one root.

python-tuf follows the client's workflow of the specification
(https://theupdateframework.github.io/specification/latest/#detailed-client-workflow): versions that
only rise, expiry, thresholds, one consistent snapshot. Here stands what it is asked, on devices and
in browsers alike, which fetch each in their own way.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, Signature
from tuf.api.exceptions import DownloadError, ExpiredMetadataError, RepositoryError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import FetcherInterface, Updater

from edge_contract.errors import MessageError, PackageError, UnavailableError, UsageError
from edge_contract.package import Package, short
from edge_contract.trust import DIRECTOR, Seal, target_of

__all__ = ["TufVerifier"]

_log = logging.getLogger("edgefleet.agent")


class TufVerifier:
    """Knows one root, and what it vouches for. Thread-safe.

    Args:
        folder: For metadata that was verified, so that nobody can show an older one; made here.
        root: A root that this device trusts, as it got it when it was enrolled; later ones are
            taken over when enough of its keys have signed them.
        fetcher: Fetches metadata.

    Raises:
        UsageError: It is no root.
        UnavailableError: The folder cannot be written.
    """

    def __init__(self, folder: Path, root: bytes, fetcher: FetcherInterface) -> None:
        _require_root(root)
        self._folder = folder
        self._root = root
        self._fetcher = fetcher
        self._url = ""
        self._keys: dict[str, Key] = {}
        self._asking = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(f"cannot make {str(folder)!r}: {error.strerror}") from error
        self._learn_director()

    def require_released(self, package: Package, url: str) -> None:
        """Return if a package is among what its model's keys have released.

        Args:
            package: With all of its files verified against its manifest.
            url: Where metadata is; whoever answers there is not trusted.

        Raises:
            PackageError: It is not.
            UnavailableError: That cannot be said now: metadata has expired, does not come, or is
                not what the root vouches for.
        """
        name = package.manifest.reference
        path = target_of(package.manifest.name, package.manifest.version)
        with self._asking, _told(f"whether {name} was released"):
            updater = self._updater(url)
            updater.refresh()
            self._learn_director()
            found = updater.get_targetinfo(path)
        if found is None:
            raise PackageError(f"{name} was not released: nobody who may has signed it")
        digest = f"sha256:{found.hashes.get('sha256', '')}"
        if digest != package.digest:
            raise PackageError(
                f"{name} was released as {short(digest)}..., and this is "
                f"{short(package.digest)}...: it is not installed"
            )

    def opened(self, topic: str, data: bytes, *, url: str) -> bytes:
        """Return a message that the director sealed for a topic.

        Args:
            topic: Where it came.
            data: What came.
            url: Where metadata is, in case the key is new; empty if that is not known.

        Raises:
            MessageError: It is not sealed, by somebody else, or for another topic.
            UnavailableError: Its key is not known here, and metadata cannot be had.
        """
        seal = Seal.from_bytes(data)
        key = self._keys.get(seal.key_id)
        if key is None:
            with self._asking, _told("whose key has signed a message"):
                self._updater(url or self._url).refresh()
                self._learn_director()
            key = self._keys.get(seal.key_id)
        if key is None:
            raise MessageError(
                f"it is signed with key {short(seal.key_id)}..., which is not the director's"
            )
        signature = Signature(seal.key_id, seal.signature.hex())
        try:
            key.verify_signature(signature, Seal.signed_bytes(topic, seal.payload))
        except UnverifiedSignatureError:
            raise MessageError(
                "its signature is wrong: it was changed, or it is for another device"
            ) from None
        return seal.payload

    def _updater(self, url: str) -> Updater:
        self._url = url
        return Updater(str(self._folder), url, fetcher=self._fetcher, bootstrap=self._root)

    def _learn_director(self) -> None:
        """Take the director's keys out of what was verified."""
        with contextlib.suppress(OSError, RepositoryError):
            targets: Metadata[Targets] = Metadata.from_bytes(
                (self._folder / "targets.json").read_bytes()
            )
            delegations = targets.signed.delegations
            if delegations and delegations.roles and DIRECTOR in delegations.roles:
                ids = delegations.roles[DIRECTOR].keyids
                self._keys = {it: delegations.keys[it] for it in ids if it in delegations.keys}


def _require_root(root: bytes) -> None:
    try:
        found: Metadata[Root] = Metadata.from_bytes(root)
        found.verify_delegate("root", found)
    except (RepositoryError, ValueError) as error:
        raise UsageError(f"the trusted root is none: {error}") from error


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what python-tuf says into errors after which the agent tries again.

    A wrong answer says nothing about the package: whoever stands in between could else keep good
    ones away for ever.
    """
    try:
        yield
    except ExpiredMetadataError as error:
        raise UnavailableError(
            f"cannot say {what}: {error}; updates wait until the cloud signs anew (or the clock "
            "of this device is right), and the present version goes on"
        ) from error
    except DownloadError as error:
        raise UnavailableError(f"cannot say {what}: metadata does not come: {error}") from error
    except (OSError, RepositoryError, ValueError) as error:
        raise UnavailableError(f"cannot say {what}: metadata is refused: {error}") from error
