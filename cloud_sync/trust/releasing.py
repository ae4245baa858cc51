"""Releases a version of a model: its manifest becomes a target of the model's family."""

import datetime
from hashlib import sha256

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, TargetFile, Targets

from cloud_sync.trust.metadata import until
from edge_contract.errors import UsageError
from edge_contract.package import Package
from edge_contract.trust import family_of, target_of

__all__ = ["released"]


def released(
    newest: Metadata[Targets], package: Package, signer: CryptoSigner, *, now: datetime.datetime
) -> bytes:
    """Return the next metadata of a model's family, with a package among its targets.

    Args:
        newest: Of the family, as it is in the registry.
        package: What is released.
        signer: The family's key.
        now: The time of day, for expiry.

    Returns:
        Metadata to hand to the cloud; empty if this very package was released before.

    Raises:
        UsageError: The version was released before with other content.
    """
    name, version = package.manifest.name, package.manifest.version
    path, data = target_of(name, version), package.manifest_bytes
    target = TargetFile(len(data), {"sha256": sha256(data).hexdigest()}, path)
    signed = newest.signed
    before = signed.targets.get(path)
    if before is not None and before.hashes != target.hashes:
        raise UsageError(
            f"{name}@{version} was released with other content: versions never change, so release "
            "this one under a new version"
        )
    if before is not None:
        return b""
    signed.targets[path] = target
    signed.version += 1
    signed.expires = until(family_of(name), now)
    metadata = Metadata(signed)
    metadata.sign(signer)
    return metadata.to_bytes()
