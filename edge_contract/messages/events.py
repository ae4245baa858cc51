"""Events: birth, death and what a device reports about itself."""

from collections.abc import Mapping
from typing import ClassVar, Self

from edge_contract.messages.base import register
from edge_contract.messages.downloads import Downloads
from edge_contract.messages.resources import Resources
from edge_contract.names import NAME_PATTERN
from edge_contract.reading import JsonValue, Reader
from edge_contract.records import dataclass, field

__all__ = ["Birth", "Death", "ModelReport", "Report", "SlotReport"]


@register
@dataclass(frozen=True, slots=True)
class Birth:
    """Sent after every connect: who this is and which life it is.

    Attributes:
        device: Its name.
        boot: The life, as in batch names.
        started_unix_s: When this life began, by the device's clock.
        clean: Whether the previous life ended on purpose.
        agent_version: Version of edgefleet.
        facts: Hardware and software for people and filters: ``{"cpus": 4}``.
        tags: What the operator calls it: ``{"site": "oslo"}``.
    """

    kind: ClassVar[str] = "b"

    device: str
    boot: int
    started_unix_s: float
    clean: bool
    agent_version: str
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [
            self.device,
            self.boot,
            self.started_unix_s,
            self.clean,
            self.agent_version,
            dict(self.facts),
            dict(self.tags),
        ]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(
            device=body[0].text(pattern=NAME_PATTERN),
            boot=body[1].integer(low=0),
            started_unix_s=body[2].number(low=0.0),
            clean=body[3].flag(),
            agent_version=body[4].text(max_length=64),
            facts=body[5].json_object(),
            tags={
                name: value.text(max_length=256)
                for name, value in body[6].fields(max_length=64).items()
            },
        )


@register
@dataclass(frozen=True, slots=True)
class Death:
    """The broker's last will for a device that vanished, or its own farewell.

    Attributes:
        device: Its name.
        boot: The life that ended; an older death than the latest birth means nothing.
        reason: ``lost`` from the will, ``closed`` when the device left on purpose.
    """

    kind: ClassVar[str] = "x"

    device: str
    boot: int
    reason: str

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [self.device, self.boot, self.reason]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(
            device=body[0].text(pattern=NAME_PATTERN),
            boot=body[1].integer(low=0),
            reason=body[2].text(max_length=64),
        )


@dataclass(frozen=True, slots=True)
class SlotReport:
    """One slot of a model on a device.

    Attributes:
        slot: ``A`` or ``B``.
        state: As in the agent's slot table: ``downloading``, ``trial``, ``active``, ``bad``, ...
        version: Of the package in it; empty if it is empty.
        digest: The same.
        detail: Progress, the reason of a failure, or what it waits for, for people.
        waits: Whether it is ready to serve and may not begin yet, as ``detail`` says: nobody's
            patience with the device should end over that.
    """

    slot: str
    state: str
    version: str = ""
    digest: str = ""
    detail: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model on a device.

    Attributes:
        serving: Digest of the package whose predictions are served now; empty for none.
        version: Its version.
        provider: Execution provider that it runs on.
        slots: Both slots.
        fallback: Why it does not run on a provider, or in a variant, that was preferred; empty if
            it does.
        downloads: How packages came here in this life.
        variant: Which variant of the model it is: ``fp32``, ``int8``.
        updates: What keeps updates waiting on this device, now or at other times, for people; empty
            if nothing does.
    """

    serving: str
    version: str
    provider: str = ""
    slots: tuple[SlotReport, ...] = ()
    fallback: str = ""
    downloads: Downloads = field(default_factory=Downloads)
    variant: str = ""
    updates: str = ""

    def slot_of(self, digest: str) -> SlotReport | None:
        """Return the slot that holds a package, if one does."""
        return next((slot for slot in self.slots if slot.digest == digest), None)


@register
@dataclass(frozen=True, slots=True)
class Report:
    """The whole reported state; the latest one counts, so losing one does no harm.

    Attributes:
        device: Its name.
        boot: The life.
        number: Rises within a life.
        generation: Of the desired state that the device has taken up.
        models: By model name.
        waiting_batches: Batches in the outbox.
        resources: What the agent and its device use.
    """

    kind: ClassVar[str] = "r"

    device: str
    boot: int
    number: int
    generation: int
    models: Mapping[str, ModelReport] = field(default_factory=dict)
    waiting_batches: int = 0
    resources: Resources = field(default_factory=Resources)

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [
            self.device,
            self.boot,
            self.number,
            self.generation,
            [
                [
                    name,
                    model.serving,
                    model.version,
                    model.provider,
                    [
                        [
                            slot.slot,
                            slot.state,
                            slot.version,
                            slot.digest,
                            slot.detail,
                            slot.waits,
                        ]
                        for slot in model.slots
                    ],
                    model.fallback,
                    model.downloads.to_body(),
                    model.variant,
                    model.updates,
                ]
                for name, model in sorted(self.models.items())
            ],
            self.waiting_batches,
            self.resources.to_list(),
        ]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(
            device=body[0].text(pattern=NAME_PATTERN),
            boot=body[1].integer(low=0),
            number=body[2].integer(low=0),
            generation=body[3].integer(low=0),
            models={
                item[0].text(pattern=NAME_PATTERN): ModelReport(
                    serving=item[1].text(max_length=80),
                    version=item[2].text(max_length=80),
                    provider=item[3].text(max_length=80),
                    slots=tuple(_slot(slot) for slot in item[4].items(max_length=8)),
                    fallback=item[5].text(max_length=2000),
                    downloads=Downloads.from_body(item[6]),
                    variant=item[7].text(max_length=64),
                    updates=item[8].text(max_length=2000),
                )
                for item in body[4].items(max_length=1000)
            },
            waiting_batches=body[5].integer(low=0),
            resources=Resources.from_reader(body[6]),
        )


def _slot(item: Reader) -> SlotReport:
    return SlotReport(
        slot=item[0].text(max_length=8),
        state=item[1].text(max_length=32),
        version=item[2].text(max_length=80),
        digest=item[3].text(max_length=80),
        detail=item[4].text(max_length=2000),
        waits=item[5].flag(),
    )
