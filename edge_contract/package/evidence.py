"""Evidence: why a package may be trusted to do its work."""

from typing import Self

from edge_contract.reading import JsonObject, JsonValue, Reader
from edge_contract.records import dataclass, field

__all__ = ["Evidence"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why the package may be trusted to do its work; read by people and by gates.

    Attributes:
        parity: How well the ONNX model repeats the source model: rows checked, label agreement,
            largest differences, what was accepted.
        quality: Metrics on held-out rows by name, 0 to 1 for classifiers.
        robustness: The same under noise, scaling and missing values, where measured.
        baseline: What a person or a rule reaches: metrics by name, and ``source``.
        variants: What was tried to make the model smaller and quicker: for each way its size,
            latency and losses beside the exact model, and why it was kept or not.
    """

    parity: JsonObject = field(default_factory=dict)
    quality: JsonObject = field(default_factory=dict)
    robustness: JsonObject = field(default_factory=dict)
    baseline: JsonObject = field(default_factory=dict)
    variants: JsonObject = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        fields: dict[str, JsonValue] = {
            "parity": self.parity,
            "quality": self.quality,
            "robustness": self.robustness,
            "baseline": self.baseline,
        }
        return {**fields, "variants": self.variants} if self.variants else fields

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        variants = reader.get("variants")
        return cls(
            parity=reader["parity"].json_object(),
            quality=reader["quality"].json_object(),
            robustness=reader["robustness"].json_object(),
            baseline=reader["baseline"].json_object(),
            variants={} if variants is None else variants.json_object(),
        )
