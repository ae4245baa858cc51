"""The cloud as seen from a program: what the command line does, and anything else can."""

from pathlib import Path
from types import TracebackType
from typing import Self

from cloud_sync.api.json_views import view_from_json
from cloud_sync.backend import ModelView, StatisticsView, VersionView
from edge_contract.errors import PackageError
from edge_contract.package import Manifest, Package, digest_of
from edgefleet.archives import read_package
from edgefleet.client_access import AccessCalls
from edgefleet.client_cells import CellCalls
from edgefleet.client_fleet import FleetCalls
from edgefleet.client_members import MemberCalls
from edgefleet.client_rollouts import RolloutCalls
from edgefleet.client_samples import SampleCalls
from edgefleet.connection import ApiConnection, segment_of

__all__ = ["Cloud"]


class Cloud(FleetCalls, RolloutCalls, AccessCalls, SampleCalls, MemberCalls, CellCalls):
    """The cloud of a fleet, through its API.

    All methods raise ``NotFoundError`` (a ``UsageError``) for a name that is not there,
    ``UsageError`` for what cannot be done, ``PackageError`` for a package that cannot be used, and
    ``UnavailableError`` if the cloud cannot be reached or cannot answer now.

    Args:
        url: For example ``http://cloud.example:8080``; empty takes the environment's
            ``EDGEFLEET_CLOUD``, else ``http://127.0.0.1:8080``.
        token: For the API, if it asks for one; empty takes the environment's ``EDGEFLEET_TOKEN``.
        program: Your program's name in lower case, for the history of what was done.
        timeout_s: How long to wait for an answer.
    """

    def __init__(
        self, url: str = "", *, token: str = "", program: str = "python", timeout_s: float = 10.0
    ) -> None:
        self._api = ApiConnection(url, token=token, program=program, timeout_s=timeout_s)

    @property
    def url(self) -> str:
        """The address in use."""
        return self._api.url

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def __enter__(self) -> Self:
        """Return the cloud; leaving closes the connection."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    # Models.

    def models(self) -> list[ModelView]:
        """Return all models with their versions."""
        items = self._api.get("models")["items"].items()
        return [view_from_json(ModelView, item) for item in items]

    def version(self, model: str, version: str) -> VersionView:
        """Return one version with its drift and quality."""
        path = f"models/{segment_of(model)}/versions/{segment_of(version)}"
        return view_from_json(VersionView, self._api.get(path))

    def package(self, model: str, version: str) -> Package:
        """Fetch a version's package from the registry, verified.

        Raises:
            PackageError: What came is not what the registry says.
        """
        digest = self.version(model, version).digest
        manifest = self._api.get_bytes(f"blobs/{digest}")
        if digest_of(manifest) != digest:
            raise PackageError(f"{self.url} sent something else for {model}@{version}")
        files = {
            artifact.path: self._api.get_bytes(f"blobs/{artifact.digest}")
            for artifact in Manifest.from_bytes(manifest).artifacts
        }
        return Package.verified(manifest, files)

    def statistics(
        self, model: str, version: str, *, segment: str = "", since_unix_s: float | None = None
    ) -> StatisticsView:
        """Return what a version saw against its reference, all that a report of it needs.

        Args:
            model: Its name.
            version: Which one.
            segment: Only devices with this tag, as ``site=oslo``; empty for all.
            since_unix_s: From when on; ``None`` for as far back as the dashboard looks.
        """
        path = f"models/{segment_of(model)}/versions/{segment_of(version)}/statistics"
        since = "" if since_unix_s is None else since_unix_s
        return view_from_json(StatisticsView, self._api.get(path, segment=segment, since=since))

    def push(self, package: Package | Path | str) -> VersionView:
        """Add a package to the registry; pushing the same one again changes nothing.

        Args:
            package: It, or the path of its one-file form, ``NAME-VERSION.modelpkg``.
        """
        if isinstance(package, Package):
            archive = package.to_archive()
        else:
            _, archive = read_package(Path(package))  # a damaged file is not worth sending
        return view_from_json(VersionView, self._api.post_bytes("models", archive))

    def accept_metadata(self, role: str, data: bytes) -> int:
        """Hand over metadata that was signed elsewhere, see `edgefleet keys`; return its number."""
        return self._api.post_bytes(f"trust/{segment_of(role)}", data)["version"].integer(low=1)
