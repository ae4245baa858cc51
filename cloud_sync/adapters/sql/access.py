"""Tokens and kept answers in SQL."""

from dataclasses import replace
from typing import Final

from cloud_sync.adapters.sql.database import SqlDatabase
from cloud_sync.adapters.sql.documents import as_object, as_reader, as_text
from cloud_sync.core.access import Role, Scope, TokenRecord
from cloud_sync.core.kept_answers import AnswerKey, KeptAnswer

__all__ = ["SqlAccess"]

_SAVE: Final = """
INSERT INTO token (id, document) VALUES (?, ?)
ON CONFLICT (id) DO UPDATE SET document = excluded.document
"""
_BEGIN: Final = """
INSERT INTO kept_answer (scope, key, fingerprint, at_unix_s, status, headers, body)
VALUES (?, ?, ?, ?, 0, '{}', ?) ON CONFLICT (scope, key) DO NOTHING
"""
_ANSWER: Final = """
SELECT fingerprint, at_unix_s, status, headers, body FROM kept_answer WHERE scope = ? AND key = ?
"""
_FINISH: Final = """
UPDATE kept_answer SET status = ?, headers = ?, body = ? WHERE scope = ? AND key = ?
"""


class SqlAccess:
    """Implements :class:`cloud_sync.ports.AccessStore`."""

    _db: SqlDatabase

    def save_token(self, record: TokenRecord) -> None:
        """Keep a token, in place of an earlier state of it."""
        with self._db.writing() as db:
            db.run(_SAVE, (record.token_id, _document(record)))

    def tokens(self) -> list[TokenRecord]:
        """Return all tokens, also those that are over, the oldest first."""
        with self._db.reading() as db:
            found = [_token(*row) for row in db.rows("SELECT id, document FROM token")]
        return sorted(found, key=lambda record: (record.created_unix_s, record.token_id))

    def begin_answer(self, key: AnswerKey, *, fingerprint: str, at_unix_s: float) -> KeptAnswer:
        """Claim a key for an order, or return what is kept under it."""
        with self._db.writing() as db:
            is_new = db.run(_BEGIN, (*key, fingerprint, at_unix_s, b"")) > 0
            ((fingerprint, at_unix_s, status, headers, body),) = db.rows(_ANSWER, key)
        texts = {name: str(value) for name, value in as_object(headers).items()}
        answer = KeptAnswer(fingerprint, at_unix_s, status, texts, bytes(body))
        return replace(answer, is_new=is_new)

    def finish_answer(self, key: AnswerKey, answer: KeptAnswer) -> None:
        """Keep what was answered to the order that claimed the key."""
        with self._db.writing() as db:
            db.run(_FINISH, (answer.status, as_text(dict(answer.headers)), answer.body, *key))

    def forget_answer(self, key: AnswerKey) -> None:
        """Let go of a key, so that its order can be tried again."""
        with self._db.writing() as db:
            db.run("DELETE FROM kept_answer WHERE scope = ? AND key = ?", key)

    def prune_answers(self, before_unix_s: float) -> int:
        """Forget answers to orders that came before; return how many those were."""
        with self._db.writing() as db:
            return db.run("DELETE FROM kept_answer WHERE at_unix_s < ?", (before_unix_s,))


def _document(record: TokenRecord) -> str:
    return as_text(
        {
            "label": record.label,
            "role": record.role.value,
            "scopes": sorted(scope.value for scope in record.scopes),
            "secret_hash": record.secret_hash,
            "created_unix_s": record.created_unix_s,
            "expires_unix_s": record.expires_unix_s,
            "revoked_unix_s": record.revoked_unix_s,
            "by": record.by,
        }
    )


def _token(token_id: str, document: str) -> TokenRecord:
    reader = as_reader(document)
    expires, revoked = reader["expires_unix_s"], reader["revoked_unix_s"]
    scopes = reader.get("scopes")  # tokens of before have none
    return TokenRecord(
        token_id=token_id,
        label=reader["label"].text(),
        role=Role(reader["role"].text(pattern="|".join(role.value for role in Role))),
        scopes=frozenset(
            Scope(one.text(pattern="|".join(scope.value for scope in Scope)))
            for one in ([] if scopes is None else scopes.items())
        ),
        secret_hash=reader["secret_hash"].text(),
        created_unix_s=reader["created_unix_s"].number(),
        expires_unix_s=None if expires.is_null else expires.number(),
        revoked_unix_s=None if revoked.is_null else revoked.number(),
        by=reader["by"].text(max_length=1000),
    )
