"""The roster: join tokens, credentials and quarantines, in memory as they are in the store."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cloud_sync.core.enrolment import (
    AdmissionRecord,
    CertificateRecord,
    CredentialRecord,
    JoinTokenRecord,
    QuarantineRecord,
)
from cloud_sync.ports import AdmissionStore

__all__ = ["Roster"]

_FRESH_S: Final = 5.0


class Roster:
    """Answers at once, as a broker and every message need it. Thread-safe.

    Args:
        store: Where records are kept.
        is_only: Whether nobody else writes them; if not they are read again every five seconds.
        clock_s: Gives monotonic seconds.
    """

    def __init__(
        self,
        store: AdmissionStore,
        *,
        is_only: bool = True,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._is_only = is_only
        self._clock_s = clock_s
        self.on_change: Callable[[], None] = lambda: None
        """Called after every change, with the lock held."""
        self.lock = threading.RLock()
        """Held while a record is looked at and changed, so that nobody changes it in between."""
        self._read_s = clock_s()
        self._records: dict[tuple[str, str], AdmissionRecord] = {}
        self._read()

    def token(self, token_id: str) -> JoinTokenRecord | None:
        """Return a join token."""
        found = self._fresh().get((JoinTokenRecord.kind, token_id))
        return found if isinstance(found, JoinTokenRecord) else None

    def credential(self, device: str) -> CredentialRecord | None:
        """Return what a device proves itself by; ``None`` if it never joined."""
        found = self._fresh().get((CredentialRecord.kind, device))
        return found if isinstance(found, CredentialRecord) else None

    def quarantine(self, device: str) -> QuarantineRecord | None:
        """Return why a device is kept apart; ``None`` if it is not."""
        found = self._fresh().get((QuarantineRecord.kind, device))
        return found if isinstance(found, QuarantineRecord) else None

    def tokens(self) -> Sequence[JoinTokenRecord]:
        """Return all join tokens, the oldest first."""
        found = [one for one in self._all() if isinstance(one, JoinTokenRecord)]
        return sorted(found, key=lambda one: (one.created_unix_s, one.token_id))

    def credentials(self) -> Sequence[CredentialRecord]:
        """Return all credentials by rising device."""
        return [one for one in self._all() if isinstance(one, CredentialRecord)]

    def certificates(self) -> Sequence[CertificateRecord]:
        """Return the certificates that devices were given, by rising number."""
        return [one for one in self._all() if isinstance(one, CertificateRecord)]

    def has_certificate(self, device: str) -> bool:
        """Return whether a device was given a certificate that has not been revoked."""
        return any(
            one.device == device and one.revoked_unix_s is None for one in self.certificates()
        )

    def broker_passwords(self) -> Mapping[str, str]:
        """Return what mosquitto keeps of the password of each device that may speak."""
        may = [one for one in self.credentials() if one.revoked_unix_s is None]
        return {one.device: one.broker_hash for one in may if one.broker_hash}

    def put_out(self) -> Sequence[str]:
        """Return the devices that may speak no more, by rising name."""
        return [one.device for one in self.credentials() if one.revoked_unix_s is not None]

    def quarantines(self) -> Sequence[QuarantineRecord]:
        """Return all quarantines by rising device."""
        return [one for one in self._all() if isinstance(one, QuarantineRecord)]

    def save(self, record: AdmissionRecord) -> None:
        """Keep a record: it counts from now on, and after a restart."""
        with self.lock:
            self._store.save_admission(record)
            self._records[record.kind, record.key] = record
            self.on_change()

    def forget(self, record: AdmissionRecord) -> None:
        """Forget a record."""
        with self.lock:
            self._store.forget_admission(record)
            self._records.pop((record.kind, record.key), None)
            self.on_change()

    def _all(self) -> list[AdmissionRecord]:
        with self.lock:
            records = self._fresh()
            return [records[key] for key in sorted(records)]

    def _fresh(self) -> dict[tuple[str, str], AdmissionRecord]:
        if not self._is_only and self._clock_s() >= self._read_s + _FRESH_S:
            with self.lock:
                self._read()
        return self._records

    def _read(self) -> None:
        self._records = {(one.kind, one.key): one for one in self._store.admissions()}
        self._read_s = self._clock_s()
