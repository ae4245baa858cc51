"""Which rows had their truth at the cloud, and which alarms somebody looks after."""

from collections.abc import Callable, Sequence
from typing import Protocol

from cloud_sync.core.increments import Commit
from cloud_sync.core.records import AcknowledgementRecord

__all__ = ["LabelLedger"]


class LabelLedger(Protocol):
    """Checked by ``tests/ports/test_label_ledger.py`` for every warehouse."""

    def count_labels(
        self,
        keys: Sequence[int],
        commit_of: Callable[[Sequence[bool]], Commit],
        *,
        at_unix_s: float,
    ) -> list[bool]:
        """Note rows as labelled and write what the new ones come to, in one transaction.

        Args:
            keys: Signed numbers of 64 bits, one for each row; one that comes twice is new once.
            commit_of: Is told of each row whether it is new, and returns what to write.
            at_unix_s: Now.

        Returns:
            Of each row whether it was new. If anything fails, nothing is noted or written.
        """
        ...

    def prune_labels(self, before_unix_s: float) -> int:
        """Forget which rows were labelled before; return how many those were."""
        ...

    def acknowledge(self, record: AcknowledgementRecord) -> None:
        """Keep that somebody looks after an alarm, in place of who did before."""
        ...

    def acknowledgements(self) -> dict[str, AcknowledgementRecord]:
        """Return who looks after which alarm, by its identifier."""
        ...
