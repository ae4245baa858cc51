"""Who may join, who has joined and who is kept apart, in SQL."""

from typing import Final

from cloud_sync.adapters.sql.database import SqlDatabase
from cloud_sync.adapters.sql.documents import as_reader, as_text
from cloud_sync.core.enrolment import (
    AdmissionRecord,
    CertificateRecord,
    CredentialRecord,
    JoinTokenRecord,
    QuarantineRecord,
)
from edge_contract.errors import MessageError
from edge_contract.reading import JsonObject, Reader

__all__ = ["SqlAdmission"]

_SAVE: Final = """
INSERT INTO admission (kind, key, document) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET document = excluded.document
"""


class SqlAdmission:
    """Implements :class:`cloud_sync.ports.AdmissionStore`."""

    _db: SqlDatabase

    def save_admission(self, record: AdmissionRecord) -> None:
        """Keep a record, in place of an earlier one of its kind and key."""
        with self._db.writing() as db:
            db.run(_SAVE, (record.kind, record.key, as_text(_document(record))))

    def forget_admission(self, record: AdmissionRecord) -> bool:
        """Forget the record of that kind and key; return whether there was one."""
        with self._db.writing() as db:
            key = (record.kind, record.key)
            return db.run("DELETE FROM admission WHERE kind = ? AND key = ?", key) > 0

    def admissions(self) -> list[AdmissionRecord]:
        """Return all records, rising by kind and key."""
        with self._db.reading() as db:
            found = [_record(*row) for row in db.rows("SELECT kind, key, document FROM admission")]
        return sorted(found, key=lambda record: (record.kind, record.key))


def _document(record: AdmissionRecord) -> JsonObject:
    match record:
        case JoinTokenRecord():
            return {
                "secret_hash": record.secret_hash,
                "label": record.label,
                "device": record.device,
                "uses": record.uses,
                "used": record.used,
                "created_unix_s": record.created_unix_s,
                "expires_unix_s": record.expires_unix_s,
                "revoked_unix_s": record.revoked_unix_s,
                "by": record.by,
            }
        case CredentialRecord():
            return {
                "public_key": record.public_key,
                "secret_hash": record.secret_hash,
                "broker_hash": record.broker_hash,
                "former_hash": record.former_hash,
                "former_until_unix_s": record.former_until_unix_s,
                "token_id": record.token_id,
                "enrolled_unix_s": record.enrolled_unix_s,
                "issued_unix_s": record.issued_unix_s,
                "renewed_at_unix_s": record.renewed_at_unix_s,
                "revoked_unix_s": record.revoked_unix_s,
            }
        case QuarantineRecord():
            return {
                "reason": record.reason,
                "since_unix_s": record.since_unix_s,
                "by": record.by,
            }
        case CertificateRecord():
            return {
                "device": record.device,
                "until_unix_s": record.until_unix_s,
                "revoked_unix_s": record.revoked_unix_s,
            }


def _record(kind: str, key: str, document: str) -> AdmissionRecord:
    reader = as_reader(document)
    match kind:
        case JoinTokenRecord.kind:
            return JoinTokenRecord(
                token_id=key,
                secret_hash=reader["secret_hash"].text(),
                label=reader["label"].text(),
                device=reader["device"].text(),
                uses=reader["uses"].integer(),
                used=reader["used"].integer(),
                created_unix_s=reader["created_unix_s"].number(),
                expires_unix_s=reader["expires_unix_s"].number(),
                revoked_unix_s=_moment(reader["revoked_unix_s"]),
                by=reader["by"].text(max_length=1000),
            )
        case CredentialRecord.kind:
            return CredentialRecord(
                device=key,
                public_key=reader["public_key"].text(),
                secret_hash=reader["secret_hash"].text(),
                broker_hash=reader["broker_hash"].text(),
                former_hash=reader["former_hash"].text(),
                former_until_unix_s=reader["former_until_unix_s"].number(),
                token_id=reader["token_id"].text(),
                enrolled_unix_s=reader["enrolled_unix_s"].number(),
                issued_unix_s=reader["issued_unix_s"].number(),
                renewed_at_unix_s=reader["renewed_at_unix_s"].integer(),
                revoked_unix_s=_moment(reader["revoked_unix_s"]),
            )
        case QuarantineRecord.kind:
            return QuarantineRecord(
                device=key,
                reason=reader["reason"].text(),
                since_unix_s=reader["since_unix_s"].number(),
                by=reader["by"].text(max_length=1000),
            )
        case CertificateRecord.kind:
            return CertificateRecord(
                serial=key,
                device=reader["device"].text(),
                until_unix_s=reader["until_unix_s"].number(),
                revoked_unix_s=_moment(reader["revoked_unix_s"]),
            )
        case _:
            raise MessageError(f"an admission of kind {kind!r} is unknown: upgrade edgefleet")


def _moment(reader: Reader) -> float | None:
    return None if reader.is_null else reader.number()
