"""The penalty box: devices that failed lately come last, so that no canary is made of them."""

from collections.abc import Iterable, Mapping
from typing import Final

from cloud_sync.core.rollout.execution_life import ExecutionState
from cloud_sync.core.rollout.record import Execution

__all__ = ["PenaltyBox"]

_LONGEST_S: Final = 30 * 86_400.0


class PenaltyBox:
    """Failures of devices in rollouts that have ended, the oldest rollout first.

    A device that succeeds in a later rollout is forgiven.
    """

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float]] = {}

    def note(self, executions: Mapping[str, Execution]) -> None:
        """Take in the executions of a rollout that has ended."""
        for name, execution in executions.items():
            if execution.failures:
                before = self._failures.get(name, (0, 0.0))[0]
                self._failures[name] = (before + execution.failures, execution.failed_unix_s)
            elif execution.state is ExecutionState.SUCCEEDED:
                self._failures.pop(name, None)

    def boxed(
        self,
        now_unix_s: float,
        *,
        penalty_s: float,
        running: Iterable[Mapping[str, Execution]] = (),
    ) -> frozenset[str]:
        """Return who is in the box now.

        Args:
            now_unix_s: Now.
            penalty_s: How long one failure counts; each further one doubles it.
            running: Executions of rollouts that have not ended.
        """
        failures = dict(self._failures)
        for executions in running:
            for name, execution in executions.items():
                if execution.failures:
                    before = failures.get(name, (0, 0.0))[0]
                    failures[name] = (before + execution.failures, execution.failed_unix_s)
        return frozenset(
            name
            for name, (times, at_unix_s) in failures.items()
            if now_unix_s - at_unix_s < min(penalty_s * 2.0 ** min(times - 1, 30), _LONGEST_S)
        )
