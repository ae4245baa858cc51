"""What a model needs beside its graph: functions of plugins, by name."""

from typing import Self

from edge_contract.names import NAME_PATTERN
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass

__all__ = ["Processing"]

_NAME: str = f"{NAME_PATTERN}|"


@dataclass(frozen=True, slots=True)
class Processing:
    """Plugins that a device must have to run a model; see :mod:`edge_contract.plugins`.

    Attributes:
        pre: Makes the model's rows of the caller's; empty for nothing.
        post: Makes a result of a prediction; empty for nothing.
    """

    pre: str = ""
    post: str = ""

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {"pre": self.pre, "post": self.post}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        return cls(pre=reader["pre"].text(pattern=_NAME), post=reader["post"].text(pattern=_NAME))
