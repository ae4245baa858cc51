"""One figure that a cloud measures, in the form that collectors of such figures understand."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Measure"]


class Measure(NamedTuple):
    """A figure, or one for each value of a label.

    Attributes:
        name: In Prometheus' form; that of a counter ends in ``_total``.
        help: What it is, in one sentence.
        label: What the figures are told apart by; empty for a single one.
        values: By the value of the label.
    """

    name: str
    help: str
    label: str
    values: Mapping[str, float]

    @property
    def is_counter(self) -> bool:
        """Whether it only ever rises."""
        return self.name.endswith("_total")
