"""Downloads: how packages came to a device, in bytes by the way that was taken."""

from typing import Self

from edge_contract.reading import JsonValue, Reader
from edge_contract.records import dataclass

__all__ = ["Downloads"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloads:
    """What came over the network for packages, and what did not have to.

    Attributes:
        whole_bytes: Of files as they are.
        packed_bytes: Of files compressed by themselves.
        delta_bytes: Of differences from files that were here.
        offer_bytes: Of offers, which say what ways there are.
        reused_bytes: Of files that were here already, in another version or from a download that
            broke off: not fetched.
        again_bytes: Of damaged parts that were fetched again; they are counted above, too.
        fallbacks: How often a way failed, so that the next larger one was taken.
        reason: Why it did the last time; empty if it never did.
    """

    whole_bytes: int = 0
    packed_bytes: int = 0
    delta_bytes: int = 0
    offer_bytes: int = 0
    reused_bytes: int = 0
    again_bytes: int = 0
    fallbacks: int = 0
    reason: str = ""

    @property
    def file_bytes(self) -> int:
        """What came over the network of files, in whatever form."""
        return self.whole_bytes + self.packed_bytes + self.delta_bytes

    @property
    def fetched_bytes(self) -> int:
        """All that came over the network."""
        return self.file_bytes + self.offer_bytes

    def in_words(self) -> str:
        """Return one line for people."""
        text = (
            f"{self.fetched_bytes} bytes fetched: {self.whole_bytes} as they are, "
            f"{self.packed_bytes} compressed, {self.delta_bytes} as deltas, {self.offer_bytes} of "
            f"offers; {self.reused_bytes} were here"
        )
        if self.again_bytes:
            text += f"; {self.again_bytes} came again for damaged parts"
        if self.fallbacks:
            text += f"; a smaller way failed {self.fallbacks} times, at last: {self.reason}"
        return text

    def plus(self, later: "Downloads") -> "Downloads":
        """Return both together; the later reason stays."""
        return Downloads(
            whole_bytes=self.whole_bytes + later.whole_bytes,
            packed_bytes=self.packed_bytes + later.packed_bytes,
            delta_bytes=self.delta_bytes + later.delta_bytes,
            offer_bytes=self.offer_bytes + later.offer_bytes,
            reused_bytes=self.reused_bytes + later.reused_bytes,
            again_bytes=self.again_bytes + later.again_bytes,
            fallbacks=self.fallbacks + later.fallbacks,
            reason=later.reason or self.reason,
        )

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        return [
            self.whole_bytes,
            self.packed_bytes,
            self.delta_bytes,
            self.offer_bytes,
            self.reused_bytes,
            self.again_bytes,
            self.fallbacks,
            self.reason,
        ]

    @classmethod
    def from_body(cls, body: Reader) -> Self:
        """Read the fields."""
        return cls(
            whole_bytes=body[0].integer(low=0),
            packed_bytes=body[1].integer(low=0),
            delta_bytes=body[2].integer(low=0),
            offer_bytes=body[3].integer(low=0),
            reused_bytes=body[4].integer(low=0),
            again_bytes=body[5].integer(low=0),
            fallbacks=body[6].integer(low=0),
            reason=body[7].text(max_length=2000),
        )
