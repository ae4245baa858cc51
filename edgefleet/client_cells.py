"""What a program asks a cloud whose windows it merges with those of others."""

import base64
import binascii
import re
from collections.abc import Collection, Mapping, Sequence

from cloud_sync.api.json_views import view_from_json
from cloud_sync.cell_views import CellStateView, CellView, CellWindowView
from cloud_sync.core.increments import PackageRole
from cloud_sync.ports.cells import CellState, CellWindow, WindowPlace
from edge_contract.errors import PackageError, PeerError
from edge_contract.messages import Counters
from edge_contract.package import Manifest, Package
from edge_contract.package.digests import DIGEST_PATTERN, digest_of, short
from edgefleet.connection import ApiConnection, segment_of

__all__ = ["CellCalls", "CloudCell"]


class CellCalls:
    """Part of :class:`edgefleet.Cloud`."""

    _api: ApiConnection

    def cell(self) -> CellView:
        """Return which packages this cloud has windows of, and what tells their state."""
        return view_from_json(CellView, self._api.get("cell"))

    def cell_state(self, package: str, role: str) -> CellStateView:
        """Return all windows of a package in a role, without what they hold."""
        path = f"cell/{_checked(package)}/{segment_of(role)}"
        return view_from_json(CellStateView, self._api.get(path))

    def cell_windows(
        self, package: str, role: str, places: Collection[WindowPlace]
    ) -> list[CellWindowView]:
        """Return up to 100 windows as they are now; those that are gone are left out."""
        asked = [f"{place.start_unix_s},{place.span_s}" for place in places]
        path = f"cell/{_checked(package)}/{segment_of(role)}/windows"
        items = self._api.get(path, at=asked)["items"].items()
        return [view_from_json(CellWindowView, item) for item in items]

    def package_of(self, digest: str) -> Package:
        """Return a package of the registry; raises ``PackageError`` if it is not what it says."""
        data = self._api.get_bytes(f"blobs/{_checked(digest)}")
        if digest_of(data) != digest:
            raise PackageError(f"the manifest of {short(digest)} came damaged: fetch it again")
        manifest = Manifest.from_bytes(data)
        files = {
            artifact.path: self._api.get_bytes(f"blobs/{_checked(artifact.digest)}")
            for artifact in manifest.artifacts
        }
        return Package.verified(data, files)


def _checked(digest: str) -> str:
    """Return a digest, which can stand in an address; raises ``PeerError`` for what is none."""
    if re.fullmatch(DIGEST_PATTERN, digest) is None:
        raise PeerError(f"{digest!r:.100} is no digest of a package")
    return digest


class CloudCell:
    """Implements :class:`cloud_sync.cell_rollup.CellSource` over a cloud's API.

    Args:
        cloud: The cell.
        url: Of its API.
    """

    def __init__(self, cloud: CellCalls, url: str) -> None:
        self._cloud = cloud
        self._url = url
        self._seen: CellView | None = None

    @property
    def url(self) -> str:
        """Of its API."""
        return self._url

    def identity(self) -> str:
        """Return what tells its store from every other."""
        identity = self._cloud.cell().identity
        if not identity:
            raise PeerError(f"the cell at {self._url} does not say which store it is")
        return identity

    def states(self) -> Mapping[PackageRole, str]:
        """Return the digest of each state."""
        found = self._cloud.cell().subjects
        return {PackageRole(one.package, one.role): one.digest for one in found}

    def state(self, subject: PackageRole) -> CellState:
        """Return the state of one package and role."""
        view = self._cloud.cell_state(*subject)
        return CellState(
            view.digest,
            Counters(view.rows, view.calls, view.failures, view.dropped),
            view.devices,
            {WindowPlace(w.start_unix_s, w.span_s): w.version for w in view.windows},
        )

    def windows(
        self, subject: PackageRole, places: Collection[WindowPlace]
    ) -> Sequence[CellWindow]:
        """Return windows as they are now; those that are gone are left out."""
        return [self._window(view) for view in self._cloud.cell_windows(*subject, places)]

    def _window(self, view: CellWindowView) -> CellWindow:
        try:
            profile = base64.b64decode(view.profile, validate=True)
        except binascii.Error as error:
            raise PeerError(f"the cell at {self._url} sent a window that is none") from error
        return CellWindow(
            WindowPlace(view.start_unix_s, view.span_s),
            view.version,
            Counters(view.rows, view.calls, view.failures, view.dropped),
            profile,
        )
