"""A device's twin: what it said last, and what the cloud wants of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from edge_contract.errors import MessageError
from edge_contract.messages import Assignment, Birth, DesiredState, Message, Report, Target
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["DeviceTwin"]


@dataclass(frozen=True, slots=True)
class DeviceTwin:
    """Everything that the cloud remembers of a device.

    Attributes:
        name: The device.
        status: Whether it can be reached.
        boot: Its present life.
        boots: Lives seen.
        last_seen_unix_s: When anything last came from it, by the cloud's clock.
        birth: What it said when it connected last; ``None`` if that was never heard.
        report: What it reported last, maybe in an earlier life.
        assignments: What rollouts want of it, by model; without one it gets the stable version.
        desired: What it was sent last; ``None`` if nothing yet.
        pins: Versions that an operator holds it to, by model, whatever rollouts want.
    """

    name: str
    status: DeviceStatus
    boot: int = 0
    boots: int = 0
    last_seen_unix_s: float = 0.0
    birth: Birth | None = None
    report: Report | None = None
    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    desired: DesiredState | None = None
    pins: Mapping[str, Target] = field(default_factory=dict)

    @property
    def desired_generation(self) -> int:
        """Of the desired state that it was sent last; 0 for none."""
        return self.desired.generation if self.desired else 0

    @property
    def reported_generation(self) -> int:
        """Of the desired state that it took up in its present life; 0 if it did not say."""
        if self.report is None or self.report.boot != self.boot:
            return 0
        return self.report.generation

    def facts(self) -> DeviceFacts:
        """Return what decisions are made from."""
        return DeviceFacts(
            name=self.name,
            status=self.status,
            boot=self.boot,
            boots=self.boots,
            last_seen_unix_s=self.last_seen_unix_s,
            desired_generation=self.desired_generation,
            reported_generation=self.reported_generation,
            models=self.report.models if self.report else {},
            facts=self.birth.facts if self.birth else {},
            tags=self.birth.tags if self.birth else {},
            pins={model: pin.version for model, pin in self.pins.items()},
            agent_version=self.birth.agent_version if self.birth else "",
        )

    def to_json(self) -> JsonObject:
        """Return the twin as a document; messages stand in it as they do on the wire."""
        return {
            "name": self.name,
            "status": self.status.value,
            "boot": self.boot,
            "boots": self.boots,
            "last_seen_unix_s": self.last_seen_unix_s,
            "birth": _body(self.birth),
            "report": _body(self.report),
            "assignments": DesiredState(0, self.assignments).to_body(),
            "desired": _body(self.desired),
            "pins": {model: pin.to_body() for model, pin in sorted(self.pins.items())},
        }

    @classmethod
    def from_json(cls, document: JsonValue) -> Self:
        """Read :meth:`to_json`.

        Raises:
            MessageError: A field is missing or wrong.
        """
        reader = Reader(document, "device", MessageError)
        birth, report, desired = reader["birth"], reader["report"], reader["desired"]
        return cls(
            name=reader["name"].text(),
            status=DeviceStatus(
                reader["status"].text(pattern="|".join(status.value for status in DeviceStatus))
            ),
            boot=reader["boot"].integer(low=0),
            boots=reader["boots"].integer(low=0),
            last_seen_unix_s=reader["last_seen_unix_s"].number(),
            birth=None if birth.is_null else Birth.from_body(birth),
            report=None if report.is_null else Report.from_body(report),
            assignments=DesiredState.from_body(reader["assignments"]).models,
            desired=None if desired.is_null else DesiredState.from_body(desired),
            pins={
                model: Target.from_body(pin)
                for model, pin in reader["pins"].fields(max_length=1000).items()
            },
        )


def _body(message: Message | None) -> list[JsonValue] | None:
    return None if message is None else message.to_body()
