"""The metadata of a running cloud, verified from a root, and what is signed on top of it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import Updater

from cloud_sync.trust.metadata import TUF_ERRORS, MetadataFolder
from edge_contract.errors import PackageError, UsageError
from edge_contract.trust import DIRECTOR, family_of, target_of

__all__ = ["Send", "newest_family", "pull", "push"]

Send: TypeAlias = Callable[[str, bytes], object]
"""Hands the cloud metadata of a role."""


def newest_family(url: str, root: bytes, model: str) -> Metadata[Targets]:
    """Return what was released of a model.

    Args:
        url: Of the metadata.
        root: A root that is trusted.
        model: Its name.

    Raises:
        UsageError: No key releases such a model.
        PackageError: The metadata is not what the root vouches for.
    """
    role = family_of(model)
    with _fetched(url, root, [model]) as folder:
        path = folder / f"{role}.json"
        if not path.is_file():
            raise UsageError(f"no key releases {model!r}: make one with `edgefleet keys add-model`")
        family: Metadata[Targets] = Metadata.from_bytes(path.read_bytes())
        return family


def pull(url: str, folder: MetadataFolder) -> Mapping[str, int]:
    """Bring a folder's metadata up to what a cloud has, as far as its root vouches for it.

    Returns:
        The versions that the cloud has, by role; what was signed here and never reached it is
        newer.

    Raises:
        UsageError: There are no keys in the folder.
        PackageError: The root does not vouch for what the cloud shows.
    """
    first = folder.file("1.root.json")  # the cloud may lack later ones that were signed here
    if first is None:
        raise UsageError("there are no keys: make them with `edgefleet keys init`")
    known = _models_of(folder.targets().signed)
    versions: dict[str, int] = {}
    with _fetched(url, first, known) as fetched:
        for path in sorted((fetched / "root_history").glob("*.root.json"), key=_number):
            root: Metadata[Root] = Metadata.from_bytes(path.read_bytes())
            versions["root"] = root.signed.version
            if root.signed.version > folder.version("root"):
                folder.save("root", root)
        for role in ("targets", *map(family_of, known)):
            path = fetched / f"{role}.json"
            if path.is_file():
                targets: Metadata[Targets] = Metadata.from_bytes(path.read_bytes())
                versions[role] = targets.signed.version
                if targets.signed.version > folder.version(role):
                    folder.save(role, targets)
    return versions


def push(folder: MetadataFolder, before: Mapping[str, int], send: Send) -> None:
    """Hand a cloud all that was signed since, in the order in which it can verify it.

    Args:
        folder: Of the keys.
        before: Versions of the roles as the cloud has them, see :func:`pull`.
        send: To the cloud.
    """
    roles = ["root", "targets", *map(family_of, _models_of(folder.targets().signed))]
    for role in roles:
        for version in range(before.get(role, 0) + 1, folder.version(role) + 1):
            data = folder.file(f"{version}.{role}.json")
            if data is not None:
                send(role, data)


def _models_of(targets: Targets) -> list[str]:
    delegations = targets.delegations
    roles = delegations.roles if delegations and delegations.roles else {}
    return [name.removeprefix("model-") for name in roles if name != DIRECTOR]


@contextmanager
def _fetched(url: str, root: bytes, models: list[str]) -> Iterator[Path]:
    """Yield a folder with verified metadata of these models' families."""
    folder = Path(tempfile.mkdtemp(prefix="edgefleet-trust-"))
    try:
        updater = Updater(str(folder), url, bootstrap=root)
        updater.refresh()
        for model in models:
            updater.get_targetinfo(target_of(model, "0.0.0"))
        yield folder
    except TUF_ERRORS as error:
        raise PackageError(f"the metadata at {url} cannot be trusted: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _number(path: Path) -> int:
    return int(path.name.partition(".")[0])
