"""The journal: what a deployment must remember through a power cut."""

from typing import Self

from edge_agent.core.slots import Slot, SlotState
from edge_contract.messages import Assignment, SlotReport, Target
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field, replace

__all__ = ["Journal"]


@dataclass(slots=True)
class Journal:
    """The durable half of :class:`edge_agent.core.deployer.Deployer`.

    Attributes:
        slots: A and B.
        wanted: What the cloud, or the operator by hand, asked for last.
        packages_url: Where packages are fetched.
        failed: Why a version is bad on this device, by digest, the oldest first.
        trial_calls: Calls that the version on trial must answer.
        trial_s: Seconds that it must serve.
        allowed: Digest of a version of which somebody said that it shall begin, whatever the time.
    """

    slots: tuple[Slot, Slot] = field(default_factory=lambda: (Slot("A"), Slot("B")))
    wanted: Assignment = field(default_factory=Assignment)
    packages_url: str = ""
    failed: dict[str, str] = field(default_factory=dict)
    trial_calls: int = 0
    trial_s: float = 0.0
    allowed: str = ""
    adopted: str = ""  # not kept: whoever starts the agent hands the package in again

    @property
    def serving(self) -> Slot | None:
        """The slot whose predictions leave, if there is one."""
        return next((slot for slot in self.slots if slot.serves), None)

    def may_serve(self, slot: Slot) -> bool:
        """Return whether a verified slot may serve when nothing else does, wanted or not."""
        return slot.good or (slot.digest != "" and slot.digest == self.adopted)

    def holding(self, digest: str) -> Slot | None:
        """Return the slot with a package."""
        return next((slot for slot in self.slots if digest and slot.digest == digest), None)

    def other(self, slot: Slot) -> Slot:
        """Return the slot beside ``slot``."""
        a, b = self.slots
        return b if slot is a else a

    def wish(self, target: Target | None) -> Target | None:
        """Return a target unless it is known to fail here."""
        return None if target is None or target.digest in self.failed else target

    def wants(self, digest: str) -> bool:
        """Return whether a package is to serve or to run in the shadow."""
        wishes = (self.wish(self.wanted.serve), self.wish(self.wanted.shadow))
        return any(wish is not None and wish.digest == digest for wish in wishes)

    def slot_reports(
        self, waiting: tuple[Slot, str] | None, shadow_rests: tuple[str, str]
    ) -> list[SlotReport]:
        """Return what the cloud is told of both slots.

        Args:
            waiting: The one that is ready and may not serve yet, and why.
            shadow_rests: Digest of the one that repeats no calls for a while, and why.
        """
        resting, reason = shadow_rests
        reports = [
            SlotReport(
                slot.name,
                slot.state.value,
                slot.version,
                slot.digest,
                reason
                if slot.state is SlotState.SHADOW and slot.digest == resting
                else slot.detail,
            )
            for slot in self.slots
        ]
        if waiting is not None:
            index, detail = self.slots.index(waiting[0]), f"waiting: {waiting[1]}"
            reports[index] = replace(reports[index], detail=detail, waits=True)
        return reports

    def failure_reports(self) -> list[SlotReport]:
        """Return why wanted versions that are in no slot any more are not tried again."""
        targets = [t for t in (self.wanted.serve, self.wanted.shadow) if t is not None]
        return [
            SlotReport("-", "bad", target.version, target.digest, self.failed[target.digest])
            for target in dict.fromkeys(targets)
            if target.digest in self.failed and self.holding(target.digest) is None
        ]

    def to_json(self) -> JsonObject:
        """Return everything."""
        return {
            "slots": [
                [
                    slot.state.value,
                    slot.version,
                    slot.digest,
                    slot.detail,
                    slot.good,
                    slot.restarts,
                ]
                for slot in self.slots
            ],
            "wanted": [
                None if target is None else target.to_body()
                for target in (self.wanted.serve, self.wanted.shadow)
            ],
            "packages_url": self.packages_url,
            "failed": dict(self.failed),
            "trial": [self.trial_calls, self.trial_s],
            "allowed": self.allowed,
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Rebuild from :meth:`to_json`; raises the reader's error."""
        slots = _slot("A", reader["slots"][0]), _slot("B", reader["slots"][1])
        if all(slot.serves for slot in slots):
            raise reader["slots"].refused("at most one slot that serves")
        serve, shadow = reader["wanted"][0], reader["wanted"][1]
        return cls(
            slots=slots,
            wanted=Assignment(
                None if serve.is_null else Target.from_body(serve),
                None if shadow.is_null else Target.from_body(shadow),
            ),
            packages_url=reader["packages_url"].text(),
            failed={digest: text.text() for digest, text in reader["failed"].fields().items()},
            trial_calls=reader["trial"][0].integer(low=0),
            trial_s=reader["trial"][1].number(low=0.0),
            allowed=reader["allowed"].text(),
        )


def _slot(name: str, item: Reader) -> Slot:
    states = "|".join(state.value for state in SlotState)
    slot = Slot(name, SlotState(item[0].text(pattern=states)))
    slot.version, slot.digest, slot.detail = item[1].text(), item[2].text(), item[3].text()
    slot.good, slot.restarts = item[4].flag(), item[5].integer(low=0)
    return slot
