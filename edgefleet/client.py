"""The cloud as seen from a program: what the command line does, and anything else can."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud_sync.api.json_views import view_from_json
from cloud_sync.backend import ModelView, RolloutView, StatisticsView, VersionView
from edge_contract.errors import UnavailableError
from edge_contract.package import Package
from edge_contract.reading import JsonObject
from edgefleet.archives import read_archive
from edgefleet.client_access import AccessCalls
from edgefleet.client_fleet import FleetCalls
from edgefleet.connection import ApiConnection, segment_of
from edgefleet.waiting import poll

__all__ = ["Cloud"]


class Cloud(FleetCalls, AccessCalls):
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
            archive = read_archive(Path(package))
            Package.from_archive(archive)  # a damaged file is not worth sending
        return view_from_json(VersionView, self._api.post_bytes("models", archive))

    # Rollouts.

    def start_rollout(
        self,
        model: str,
        version: str,
        *,
        strategy: str = "canary",
        steps: Sequence[float] = (),
        shadow: bool = True,
        bake_s: float = 0.0,
        max_wait_s: float = 0.0,
        min_rows: int = 0,
        approval: bool = False,
    ) -> RolloutView:
        """Begin to roll a version out; what is 0 or empty takes the strategy's default.

        Args:
            model: Name of the model.
            version: What to roll out.
            strategy: ``canary``, ``shadow``, ``blue-green`` or ``all-at-once``.
            steps: Shares of the fleet, rising, from 0 to 1.
            shadow: Whether devices first run it beside the serving version.
            bake_s: Shortest time on a step.
            max_wait_s: Longest time to wait for enough data on a step.
            min_rows: How much data is enough.
            approval: Whether it waits for :meth:`approve` before it begins.
        """
        order: JsonObject = {
            "model": model,
            "version": version,
            "strategy": strategy,
            "steps": list(steps),
            "shadow": shadow,
            "bake_s": bake_s,
            "max_wait_s": max_wait_s,
            "min_rows": min_rows,
            "approval": approval,
        }
        return view_from_json(RolloutView, self._api.post("rollouts", order))

    def rollouts(self, *, limit: int = 100) -> list[RolloutView]:
        """Return rollouts, newest first."""
        items = self._api.get("rollouts", limit=limit)["items"].items()
        return [view_from_json(RolloutView, item) for item in items]

    def rollout(self, rollout_id: str = "latest") -> RolloutView:
        """Return one rollout; ``latest`` names the newest."""
        return view_from_json(RolloutView, self._api.get(f"rollouts/{segment_of(rollout_id)}"))

    def steer(self, rollout_id: str, action: str) -> RolloutView:
        """Do one of ``pause``, ``resume``, ``abort``, ``rollback``, ``approve``."""
        answer = self._api.post(f"rollouts/{segment_of(rollout_id)}/{segment_of(action)}")
        return view_from_json(RolloutView, answer)

    def pause(self, rollout_id: str = "latest") -> RolloutView:
        """Stop widening; devices keep what they run."""
        return self.steer(rollout_id, "pause")

    def resume(self, rollout_id: str = "latest") -> RolloutView:
        """Go on where it paused."""
        return self.steer(rollout_id, "resume")

    def abort(self, rollout_id: str = "latest") -> RolloutView:
        """End it."""
        return self.steer(rollout_id, "abort")

    def rollback(self, rollout_id: str = "latest") -> RolloutView:
        """End it and bring its devices back to the previous version."""
        return self.steer(rollout_id, "rollback")

    def approve(self, rollout_id: str = "latest") -> RolloutView:
        """Let it begin, or take its next step."""
        return self.steer(rollout_id, "approve")

    def wait_for_rollout(
        self,
        rollout_id: str = "latest",
        *,
        timeout_s: float | None = None,
        on_change: Callable[[RolloutView], None] | None = None,
    ) -> RolloutView:
        """Return a rollout when it has ended; the cloud may restart meanwhile.

        Args:
            rollout_id: Which one.
            timeout_s: How long to wait; ``None`` for as long as it takes.
            on_change: Called with the rollout at first and whenever it has changed.

        Raises:
            UnavailableError: It has not ended in time, or the cloud is gone for half a minute.
        """
        # the newest one may be another one in a moment
        name = self.rollout(rollout_id).rollout_id
        rollout = poll(
            lambda: self.rollout(name),
            until=lambda view: view.ended_unix_s is not None,
            timeout_s=timeout_s,
            on_change=on_change,
        )
        if rollout.ended_unix_s is None:
            raise UnavailableError(
                f"rollout {name!r} has not ended within {timeout_s} s: "
                f"{rollout.state}, {rollout.sentence}"
            )
        return rollout
