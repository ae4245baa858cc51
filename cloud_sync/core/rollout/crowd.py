"""Which devices a rollout is for, and which of them come last or not at all."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from cloud_sync.core.facts import DeviceFacts, EvidenceSource
from cloud_sync.core.rollout.fitness import objection
from cloud_sync.core.rollout.penalties import PenaltyBox
from cloud_sync.core.rollout.record import Execution, RolloutRecord
from cloud_sync.core.rollout.rollout import Outsiders
from edge_contract.errors import UsageError

__all__ = ["Crowd", "TargetTest", "Targeting", "no_targets"]

TargetTest: TypeAlias = Callable[[DeviceFacts], bool]
"""Whether a device is meant."""

Targeting: TypeAlias = Callable[[str], TargetTest]
"""Makes the test of a filter; raises ``UsageError`` for one that cannot be read."""


def no_targets(text: str) -> TargetTest:
    """Refuse every filter."""
    raise UsageError(f"rollouts cannot be aimed at {text!r} here: leave the target out")


class Crowd:
    """Remembers filters, failures and objections, so that a tick costs little.

    Args:
        targeting: Reads filters.
    """

    def __init__(self, targeting: Targeting) -> None:
        self._targeting = targeting
        self._tests: dict[str, TargetTest] = {}
        self._box = PenaltyBox()
        self._objections: dict[tuple[str, str], tuple[Mapping[str, object], str]] = {}

    def test_of(self, target: str) -> TargetTest:
        """Return the test of a plan's target; raises ``UsageError`` if it cannot be read."""
        if not target:
            return _everybody
        if target not in self._tests:
            self._tests[target] = self._targeting(target)
        return self._tests[target]

    def mine(
        self, record: RolloutRecord, devices: Mapping[str, DeviceFacts]
    ) -> Mapping[str, DeviceFacts]:
        """Return the devices that a rollout is for; who was in it once stays in.

        A device that does not say that it hosts the model is never told of it.
        """
        try:
            test = self.test_of(record.plan.target)
        except UsageError:  # its group is gone: nobody new is meant, and nobody is left behind
            test = _nobody
        model, known = record.plan.model, {*record.executions, *record.returning}
        return {
            name: facts
            for name, facts in devices.items()
            if name in known or (model in facts.models and test(facts))
        }

    def outsiders(
        self,
        record: RolloutRecord,
        devices: Mapping[str, DeviceFacts],
        evidence: EvidenceSource,
        *,
        now_unix_s: float,
        running: Iterable[Mapping[str, Execution]],
    ) -> Outsiders:
        """Return who comes last or not at all.

        Args:
            record: The rollout.
            devices: All that it is for.
            evidence: Knows the packages.
            now_unix_s: Now.
            running: Executions of all rollouts that have not ended.
        """
        package = evidence.package(record.candidate.digest)
        left_out: list[str] = []
        for name, facts in devices.items():
            key = (package.digest, name)
            known = self._objections.get(key)
            if known is None or known[0] is not facts.facts:
                known = self._objections[key] = (facts.facts, objection(package, facts))
            if known[1] or package.manifest.name in facts.pins:
                left_out.append(name)
        boxed = self._box.boxed(now_unix_s, penalty_s=record.plan.penalty_s, running=running)
        return Outsiders(boxed, frozenset(left_out))

    def note_ended(self, record: RolloutRecord) -> None:
        """Take in how the devices of a rollout that is over did."""
        self._box.note(record.executions)
        digest = record.candidate.digest
        self._objections = {key: v for key, v in self._objections.items() if key[0] != digest}


def _nobody(_: DeviceFacts) -> bool:
    return False


def _everybody(_: DeviceFacts) -> bool:
    return True
