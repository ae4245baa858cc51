"""Steps of a plan: how many devices, for how long, and which gates under which rules."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["ALWAYS_ASKED", "GateRule", "Step", "checked_rules", "rules_from_json"]

ALWAYS_ASKED: Final = frozenset({"safety", "delivery"})
"""Gates that no plan can leave out."""

_ON_FAIL: Final = ("", "pause", "abort", "rollback")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """What a plan changes about one gate; a 0, an empty field or ``None`` leaves it as it is.

    Attributes:
        min_rows: Rows of the candidate below which it is inconclusive.
        max_wait_s: How long its answer is waited for after baking; then a person is asked.
        share: Its part of the stage's alpha, above 0 to 1.
        on_fail: What its failure leads to: ``pause``, ``abort`` or ``rollback``.
        required: Whether a stage waits until it passes; if not, only its failure counts.
        off: Whether it is not asked at all; not for safety and delivery.
    """

    min_rows: int = 0
    max_wait_s: float = 0.0
    share: float = 0.0
    on_fail: str = ""
    required: bool | None = None
    off: bool = False

    def over(self, other: "GateRule") -> "GateRule":
        """Return this rule, with what it leaves open taken from another one."""
        return GateRule(
            min_rows=self.min_rows or other.min_rows,
            max_wait_s=self.max_wait_s or other.max_wait_s,
            share=self.share or other.share,
            on_fail=self.on_fail or other.on_fail,
            required=other.required if self.required is None else self.required,
            off=self.off or other.off,
        )

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields that are there; raises the reader's error."""
        fields = _known(reader, ("min_rows", "max_wait_s", "share", "on_fail", "required", "off"))
        required = fields.get("required")
        return cls(
            min_rows=fields["min_rows"].integer(low=0) if "min_rows" in fields else 0,
            max_wait_s=_number(fields, "max_wait_s"),
            share=_number(fields, "share"),
            on_fail=fields["on_fail"].text(max_length=16) if "on_fail" in fields else "",
            required=None if required is None or required.is_null else required.flag(),
            off=fields["off"].flag() if "off" in fields else False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One widening. Either ``fraction`` or ``count`` is above 0; 0 elsewhere takes the plan's.

    Attributes:
        fraction: Share of the targeted devices, above 0 to 1.
        count: So many devices instead.
        bake_s: Shortest time that its devices run the candidate before it is judged.
        max_wait_s: Longest time for delivery, and again for a judgement.
        min_rows: Rows of the candidate that a judgement needs.
        approval: Whether a person must approve before it begins.
        gates: Rules for this step, by gate; they win over the plan's.
    """

    fraction: float = 0.0
    count: int = 0
    bake_s: float = 0.0
    max_wait_s: float = 0.0
    min_rows: int = 0
    approval: bool = False
    gates: Mapping[str, GateRule] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.fraction) == bool(self.count):
            raise UsageError(
                "a step of a rollout names a fraction or a count of devices, not both, "
                f"got {self.fraction} and {self.count}"
            )
        for name in ("bake_s", "max_wait_s", "min_rows", "count"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} of a step must be 0 or more, got {value!r}")
        checked_rules(self.gates)

    @property
    def is_whole(self) -> bool:
        """Whether it is all targeted devices."""
        return self.fraction == 1.0

    @property
    def title(self) -> str:
        """How people call its size: ``10%``, ``5 devices``."""
        if self.fraction:
            return f"{self.fraction * 100:.3g}%"
        return "1 device" if self.count == 1 else f"{self.count} devices"

    def to_json(self) -> JsonObject:
        """Return all fields by name."""
        rules: dict[str, JsonValue] = {name: rule_json(rule) for name, rule in self.gates.items()}
        return {
            "fraction": self.fraction,
            "count": self.count,
            "bake_s": self.bake_s,
            "max_wait_s": self.max_wait_s,
            "min_rows": self.min_rows,
            "approval": self.approval,
            "gates": rules,
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read a step, or a number that is a fraction; raises the reader's error."""
        if reader.is_number:
            return cls(fraction=reader.number())
        fields = _known(reader, _STEP_FIELDS)
        return cls(
            fraction=_number(fields, "fraction"),
            count=fields["count"].integer(low=0) if "count" in fields else 0,
            bake_s=_number(fields, "bake_s"),
            max_wait_s=_number(fields, "max_wait_s"),
            min_rows=fields["min_rows"].integer(low=0) if "min_rows" in fields else 0,
            approval=fields["approval"].flag() if "approval" in fields else False,
            gates=rules_from_json(fields["gates"]) if "gates" in fields else {},
        )


_STEP_FIELDS: Final = (
    "fraction", "count", "bake_s", "max_wait_s", "min_rows", "approval", "gates",
)  # fmt: skip


def rule_json(rule: GateRule) -> JsonObject:
    """Return all fields of a rule by name."""
    return {
        "min_rows": rule.min_rows,
        "max_wait_s": rule.max_wait_s,
        "share": rule.share,
        "on_fail": rule.on_fail,
        "required": rule.required,
        "off": rule.off,
    }


def rules_from_json(reader: Reader) -> dict[str, GateRule]:
    """Read rules by gate; raises the reader's error."""
    return {name: GateRule.from_json(item) for name, item in reader.fields(max_length=100).items()}


def checked_rules(rules: Mapping[str, GateRule]) -> None:
    """Check rules on their own; which gates there are, the plan knows.

    Raises:
        UsageError: One of them makes no sense.
    """
    for name, rule in rules.items():
        if rule.on_fail not in _ON_FAIL:
            raise UsageError(
                f"on_fail of gate {name!r} is {rule.on_fail!r}: use pause, abort or rollback"
            )
        if not (math.isfinite(rule.share) and 0.0 <= rule.share <= 1.0):
            raise UsageError(f"share of gate {name!r} must lie between 0 and 1, got {rule.share}")
        if not (math.isfinite(rule.max_wait_s) and rule.max_wait_s >= 0 and rule.min_rows >= 0):
            raise UsageError(
                f"min_rows and max_wait_s of gate {name!r} must be 0 or more, "
                f"got {rule.min_rows} and {rule.max_wait_s}"
            )
        if rule.off and name in ALWAYS_ASKED:
            raise UsageError(f"gate {name!r} is always asked; it cannot be turned off")


def _known(reader: Reader, names: tuple[str, ...]) -> dict[str, Reader]:
    fields = reader.fields(max_length=100)
    for name in fields:
        if name not in names:
            raise fields[name].refused(f"none of that name (known: {', '.join(names)})")
    return fields


def _number(fields: Mapping[str, Reader], name: str) -> float:
    return fields[name].number(low=0.0) if name in fields else 0.0
