"""Which collector merges which shard, in SQL.

A lease has a number that rises with each new holder. A commit names the numbers that it was
gathered under and is refused, in its own transaction, if one of them is not the newest: however
late a collector wakes up that was taken for dead, it cannot write beside its successor.
"""

import json
from collections.abc import Collection, Mapping
from math import ceil
from typing import Final

from cloud_sync.adapters.sql.database import SqlDatabase, Table, Transaction
from cloud_sync.core.shards import CollectorId, LeaseLostError, Leases
from edge_contract.messages.topics import SHARDS

__all__ = ["SqlLeases", "require_leases"]

_COLLECTOR: Final = Table("collector", key=("id",), replaced=("name", "seen_unix_s"))
_SHARD: Final = Table("shard", key=("number",), replaced=("holder", "lease"))
_SHARDS: Final = "SELECT number, holder, lease FROM shard ORDER BY number -- FOR UPDATE"
_FORGET_NAMESAKES: Final = "DELETE FROM collector WHERE name = ? AND id <> ?"
_FORGET_DEAD: Final = "DELETE FROM collector WHERE seen_unix_s < ? AND id <> ?"
_COLLECTORS: Final = "SELECT id FROM collector ORDER BY id"
_HELD: Final = """
SELECT number, lease FROM shard WHERE holder = ?
    AND number IN (SELECT CAST(value AS BIGINT) FROM json_each(?)) -- FOR SHARE
"""
_RELEASE: Final = """
UPDATE shard SET holder = '' WHERE holder = ?
    AND number IN (SELECT CAST(value AS BIGINT) FROM json_each(?))
"""
_LEAVE: Final = "UPDATE shard SET holder = '' WHERE holder = ?"
_FORGET: Final = "DELETE FROM collector WHERE id = ?"


class SqlLeases:
    """Implements :class:`cloud_sync.ports.LeaseStore`."""

    _db: SqlDatabase

    def join(self, collector: CollectorId) -> None:
        """Take over at once from earlier instances of the same name."""
        with self._db.writing() as db:
            db.run(_FORGET_NAMESAKES, (collector.name, str(collector)))

    def renew_leases(self, collector: CollectorId, *, lease_s: float) -> Leases:
        """Say that a collector is alive, and return what it may merge now."""
        me = str(collector)
        with self._db.writing() as db:
            # Locked first, and in order: two collectors never wait for each other.
            shards = {number: (holder, lease) for number, holder, lease in db.rows(_SHARDS)}
            now_unix_s = db.now_unix_s()
            db.run(_FORGET_DEAD, (now_unix_s - lease_s, me))
            db.write(_COLLECTOR, [(me, collector.name, now_unix_s)])
            living = {found for (found,) in db.rows(_COLLECTORS)}
            share = ceil(SHARDS / len(living))
            held = {number: lease for number, (holder, lease) in shards.items() if holder == me}
            free = [number for number, (holder, _) in shards.items() if holder not in living]
            taken = {number: shards[number][1] + 1 for number in free[: max(share - len(held), 0)]}
            db.write(_SHARD, [(number, me, lease) for number, lease in taken.items()])
            held |= taken
            return Leases(held, surplus=frozenset(sorted(held)[share:]))

    def release_leases(self, collector: CollectorId, shards: Collection[int]) -> None:
        """Let others have shards; what was gathered of them is committed."""
        with self._db.writing() as db:
            db.run(_RELEASE, (str(collector), json.dumps(sorted(shards))))

    def leave(self, collector: CollectorId) -> None:
        """Let others have everything at once. Idempotent."""
        with self._db.writing() as db:
            db.run(_LEAVE, (str(collector),))
            db.run(_FORGET, (str(collector),))


def require_leases(db: Transaction, collector: str, leases: Mapping[int, int]) -> None:
    """Hold leases until the end of the present transaction.

    Raises:
        LeaseLostError: One of them is another collector's by now.
    """
    if not leases:
        return
    found: dict[int, int] = dict(db.rows(_HELD, (collector, json.dumps(sorted(leases)))))
    lost = sorted(number for number, lease in leases.items() if found.get(number) != lease)
    if lost:
        raise LeaseLostError(
            f"shards {', '.join(map(str, lost))} were taken over by another collector: what this "
            "one gathered of them is dropped, devices send it again"
        )
