"""Desired state: what the cloud wants a device to run; retained by the broker."""

from collections.abc import Mapping
from typing import ClassVar, Self

from edge_contract.messages.base import register
from edge_contract.names import NAME_PATTERN, VERSION_PATTERN
from edge_contract.package.digests import DIGEST_PATTERN
from edge_contract.reading import JsonValue, Reader
from edge_contract.records import dataclass, field

__all__ = ["Assignment", "DesiredState", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """A model version that a device shall run, and on what terms.

    Attributes:
        version: For people and logs.
        digest: The package, by content.
        rollout: Identifier of the rollout that wants it; empty for the fleet's stable version.
        trial_calls: Predictions without failure before the version counts as good.
        trial_s: Seconds that the trial lasts at least.
    """

    version: str
    digest: str
    rollout: str = ""
    trial_calls: int = 0
    trial_s: float = 0.0

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [self.version, self.digest, self.rollout, self.trial_calls, self.trial_s]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(
            version=body[0].text(pattern=VERSION_PATTERN),
            digest=body[1].text(pattern=DIGEST_PATTERN),
            rollout=body[2].text(max_length=64),
            trial_calls=body[3].integer(low=0),
            trial_s=body[4].number(low=0.0),
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to do with one model.

    Attributes:
        serve: The version whose predictions are served; ``None`` to keep the present one.
        shadow: A version that sees the same inputs and is compared; ``None`` for none.
    """

    serve: Target | None = None
    shadow: Target | None = None


@register
@dataclass(frozen=True, slots=True)
class DesiredState:
    """Everything that the cloud wants of a device; replaces what it wanted before.

    Attributes:
        generation: Rises with every change; a device ignores older ones.
        models: By model name.
        packages_url: Where packages are fetched: ``http(s)://...``, or ``:PORT/path`` on the host
            that the device reaches the broker on.
        telemetry_interval_s: Length of a window; 0 leaves it to the device.
    """

    kind: ClassVar[str] = "d"

    generation: int
    models: Mapping[str, Assignment] = field(default_factory=dict)
    packages_url: str = ""
    telemetry_interval_s: float = 0.0

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [
            self.generation,
            [
                [name, _target_body(wanted.serve), _target_body(wanted.shadow)]
                for name, wanted in sorted(self.models.items())
            ],
            self.packages_url,
            self.telemetry_interval_s,
        ]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(
            generation=body[0].integer(low=0),
            models={
                item[0].text(pattern=NAME_PATTERN): Assignment(
                    _read_target(item[1]), _read_target(item[2])
                )
                for item in body[1].items(max_length=1000)
            },
            packages_url=body[2].text(max_length=1000),
            telemetry_interval_s=body[3].number(low=0.0),
        )


def _target_body(target: Target | None) -> "list[JsonValue] | None":
    return None if target is None else target.to_body()


def _read_target(reader: Reader) -> Target | None:
    return None if reader.is_null else Target.from_body(reader)
