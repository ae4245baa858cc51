"""What a program asks the cloud about rollouts: start, preview, watch and steer them."""

from collections.abc import Callable, Mapping, Sequence

from cloud_sync.api.json_views import view_from_json
from cloud_sync.backend import PreflightView, RolloutView
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.reading import JsonObject, JsonValue
from edgefleet.connection import ApiConnection, segment_of
from edgefleet.waiting import poll

__all__ = ["RolloutCalls"]


class RolloutCalls:
    """Part of :class:`edgefleet.Cloud`."""

    _api: ApiConnection

    def start_rollout(
        self,
        model: str,
        version: str,
        *,
        strategy: str = "canary",
        steps: Sequence[float | JsonObject] = (),
        shadow: bool = True,
        bake_s: float = 0.0,
        max_wait_s: float = 0.0,
        min_rows: int = 0,
        approval: bool = False,
        target: str = "",
        detect: float = 0.0,
        supersede: bool = False,
        force: bool = False,
        settings: JsonObject | None = None,
    ) -> RolloutView:
        """Begin to roll a version out; what is 0 or empty takes the strategy's default.

        Args:
            model: Name of the model.
            version: What to roll out.
            strategy: ``canary``, ``shadow``, ``blue-green`` or ``all-at-once``.
            steps: Shares of the devices, rising, from 0 to 1; or steps with rules of their own,
                ``{"count": 5, "bake_s": 3600, "gates": {"drift": {"on_fail": "pause"}}}``.
            shadow: Whether devices first run it beside the serving version.
            bake_s: Shortest time on a step.
            max_wait_s: Longest time to wait for enough data on a step.
            min_rows: How much data is enough.
            approval: Whether it waits for :meth:`approve` before it begins.
            target: Whom it is for: a filter of devices, or ``group:NAME``; empty for all.
            detect: Loss of quality that it must be able to see, as a share of the rows.
            supersede: Whether it may take the place of a rollout that is under way.
            force: Whether it starts in spite of what :meth:`preview_rollout` finds.
            settings: Further fields of the order, as the API names them: ``windows``,
                ``devices_per_minute``, ``gates``, ``start_at_unix_s``, ...
        """
        order = _order(
            {
                "model": model,
                "version": version,
                "strategy": strategy,
                "steps": list(steps),
                "shadow": shadow,
                "bake_s": bake_s,
                "max_wait_s": max_wait_s,
                "min_rows": min_rows,
                "approval": approval,
                "target": target,
                "detect": detect,
                "supersede": supersede,
                "force": force,
            },
            settings or {},
        )
        return self.order_rollout(order)

    def order_rollout(self, order: JsonObject) -> RolloutView:
        """Begin a rollout that is described as the API takes it."""
        return view_from_json(RolloutView, self._api.post("rollouts", order))

    def preview_rollout(self, order: JsonObject) -> PreflightView:
        """Return what would come of a rollout: stages, what they see, and what is wrong.

        Args:
            order: As the API takes it: ``model``, ``version``, and whatever is not the default.
        """
        return view_from_json(PreflightView, self._api.post("rollouts/preview", order))

    def rollouts(self, *, limit: int = 100) -> list[RolloutView]:
        """Return rollouts, newest first."""
        items = self._api.get("rollouts", limit=limit)["items"].items()
        return [view_from_json(RolloutView, item) for item in items]

    def rollout(self, rollout_id: str = "latest") -> RolloutView:
        """Return one rollout; ``latest`` names the newest."""
        return view_from_json(RolloutView, self._api.get(f"rollouts/{segment_of(rollout_id)}"))

    def steer(self, rollout_id: str, action: str) -> RolloutView:
        """Do one of ``pause``, ``resume``, ``retry``, ``abort``, ``rollback``, ``approve``."""
        answer = self._api.post(f"rollouts/{segment_of(rollout_id)}/{segment_of(action)}")
        return view_from_json(RolloutView, answer)

    def pause(self, rollout_id: str = "latest") -> RolloutView:
        """Stop widening; devices keep what they run."""
        return self.steer(rollout_id, "pause")

    def resume(self, rollout_id: str = "latest") -> RolloutView:
        """Go on where it paused."""
        return self.steer(rollout_id, "resume")

    def retry(self, rollout_id: str = "latest") -> RolloutView:
        """Let devices that failed try again."""
        return self.steer(rollout_id, "retry")

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


def _order(named: Mapping[str, JsonValue], settings: JsonObject) -> JsonObject:
    twice = sorted(name for name in settings if name in named)
    if twice:
        raise UsageError(
            f"settings name {twice[0]!r}, which is an argument by itself: give it once"
        )
    return {**named, **settings}
