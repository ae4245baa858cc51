"""Answers to orders that carry a key of their own, kept so that a repetition does nothing twice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["AnswerKey", "KeptAnswer"]


class AnswerKey(NamedTuple):
    """A key that a client chose.

    Attributes:
        scope: Whose it is: two clients may choose the same one.
        key: The header ``Idempotency-Key``.
    """

    scope: str
    key: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered to an order.

    Attributes:
        fingerprint: Of the order: method, address and body.
        at_unix_s: When the order came.
        status: HTTP status of the answer; 0 while it is not known what came of the order.
        headers: To send along.
        body: Of the answer.
        is_new: Whether the key was free before.
    """

    fingerprint: str
    at_unix_s: float
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_new: bool = False
