"""Where tokens are kept, and the answers to orders that may be repeated."""

from typing import Protocol

from cloud_sync.core.access import TokenRecord
from cloud_sync.core.kept_answers import AnswerKey, KeptAnswer

__all__ = ["AccessStore"]


class AccessStore(Protocol):
    """Tokens of the API, and what it answered to orders with a key of their own."""

    def save_token(self, record: TokenRecord) -> None:
        """Keep a token, in place of an earlier state of it."""
        ...

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens, also those that are over, the oldest first."""
        ...

    def begin_answer(self, key: AnswerKey, *, fingerprint: str, at_unix_s: float) -> KeptAnswer:
        """Claim a key for an order.

        Returns:
            What is kept under the key: a new answer without a status if nothing was, and it is now
            this order's; else the earlier one as it is.
        """
        ...

    def finish_answer(self, key: AnswerKey, answer: KeptAnswer) -> None:
        """Keep what was answered to the order that claimed the key."""
        ...

    def forget_answer(self, key: AnswerKey) -> None:
        """Let go of a key, so that its order can be tried again."""
        ...

    def prune_answers(self, before_unix_s: float) -> int:
        """Forget answers to orders that came before; return how many those were."""
        ...
