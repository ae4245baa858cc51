"""Signs a package that will be pushed, so that devices which pin a root install it."""

from datetime import UTC, datetime
from pathlib import Path

import typer

from cloud_sync.trust.keys import load_key
from cloud_sync.trust.releasing import released
from cloud_sync.trust.remote import newest_family
from edge_contract.errors import UsageError
from edge_contract.package import Package
from edge_contract.trust import family_of
from edgefleet.client import Cloud

__all__ = ["release"]


def release(
    connection: Cloud, package: Package, key: Path, *, root: Path | None, password: str
) -> None:
    """Make a package a target of its model's family; doing it twice changes nothing.

    Args:
        connection: To the cloud that will have the package.
        package: It.
        key: File of the family's key.
        root: File of a root that is trusted; ``None`` for the one in the folder of the keys.
        password: Of the key; asked for if the key needs one and none is given.

    Raises:
        UsageError: The key or the root cannot be used.
        PackageError: What the cloud shows is not what the root vouches for, or the key does not
            release this model.
    """
    model = package.manifest.name
    trusted = _read(root or key.parent / "cloud" / "metadata" / "root.json")
    signer = load_key(key, password=_password(key, password))
    url = f"{connection.url}/api/v1/blobs/trust"
    newest = newest_family(url, trusted, model)
    data = released(newest, package, signer, now=datetime.now(UTC))
    if data:
        connection.accept_metadata(family_of(model), data)


def _read(root: Path) -> bytes:
    try:
        return root.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read the trusted root {str(root)!r}: {error.strerror}; name it with "
            "--trusted-root"
        ) from error


def _password(key: Path, given: str) -> bytes | None:
    if given:
        return given.encode()
    if key.is_file() and b"ENCRYPTED" in key.read_bytes():
        asked: str = typer.prompt(f"password of {key}", hide_input=True)
        return asked.encode()
    return None
