"""The enrolment desk: devices join by a token and a key of their own, and are put out again."""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cloud_sync.backend import NotFoundError
from cloud_sync.certifying import certified, revoke_certificates
from cloud_sync.core.access import hash_of_secret
from cloud_sync.core.enrolment import (
    GRACE_S,
    CredentialRecord,
    DeniedError,
    JoinTokenRecord,
    QuarantineRecord,
)
from cloud_sync.doorkeeper import checked_device
from cloud_sync.enrolment_terms import Certified, Terms
from cloud_sync.enrolment_views import (
    CredentialView,
    JoinTokenView,
    NewJoinTokenView,
    QuarantineView,
)
from cloud_sync.group_desk import Note
from cloud_sync.joining import require_open, require_own, require_proof
from cloud_sync.roster import Roster
from edge_contract.enrolment import (
    RENEWAL_LEEWAY_S,
    Membership,
    enrolment_statement,
    renewal_statement,
)
from edge_contract.errors import UsageError

__all__ = ["EnrolmentDesk"]


class EnrolmentDesk:
    """Implements :class:`cloud_sync.enrolment_views.EnrolmentBook`.

    Args:
        roster: Where records are.
        terms: What devices are told.
        note: Writes down what was done.
        on_gone: Called with a device that may not speak any more, to end its connection.
        clock: Gives Unix seconds.
    """

    def __init__(
        self,
        roster: Roster,
        terms: Terms,
        *,
        note: Note,
        on_gone: Callable[[str], None] = lambda _device: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._roster = roster
        self._terms = terms
        self._note = note
        self._on_gone = on_gone
        self._clock = clock

    def join_tokens(self) -> Sequence[JoinTokenView]:
        """Return all join tokens, the oldest first."""
        return [self._token_view(record) for record in self._roster.tokens()]

    def create_join_token(
        self, *, label: str, device: str, uses: int, expires_s: float, by: str
    ) -> NewJoinTokenView:
        """Make a join token."""
        if device:
            checked_device(device)
        if not 0 < expires_s <= 10 * 366 * 86_400:
            raise UsageError(f"a join token is good for more than 0 s, got {expires_s:g}")
        now_unix_s = self._clock()
        secret = secrets.token_urlsafe(32)
        record = JoinTokenRecord(
            token_id=secrets.token_hex(6),
            secret_hash=hash_of_secret(secret),
            label=label,
            device=device,
            uses=uses,
            created_unix_s=now_unix_s,
            expires_unix_s=now_unix_s + expires_s,
            by=by,
        )
        self._roster.save(record)
        self._note(by, "join-token.create", record.token_id, {"device": device, "uses": uses})
        return NewJoinTokenView(
            self._token_view(record),
            secret,
            fleet=self._terms.fleet,
            ca_sha256=self._terms.authority.ca_sha256,
            root_sha256=hashlib.sha256(root).hexdigest() if (root := self._terms.root()) else "",
        )

    def revoke_join_token(self, token_id: str, *, by: str) -> JoinTokenView:
        """End a join token."""
        with self._roster.lock:
            record = self._roster.token(token_id)
            if record is None:
                raise NotFoundError(f"no join token is {token_id!r}; `edgefleet fleet tokens`")
            if record.revoked_unix_s is None:
                record = replace(record, revoked_unix_s=self._clock())
                self._roster.save(record)
                self._note(by, "join-token.revoke", token_id, {})
        return self._token_view(record)

    def enrol(
        self, token_id: str, secret: str, *, device: str, public_key: str, proof: str, request: str
    ) -> Membership:
        """Let a device join."""
        checked_device(device)
        statement = enrolment_statement(token_id, fleet=self._terms.fleet, device=device)
        with self._roster.lock:
            token = self._roster.token(token_id)
            if token is None or not token.is_proven_by(secret):
                raise DeniedError("the join token is wrong")
            known = self._roster.credential(device)
            # The answer may have been lost: the same device may ask again by the same token.
            is_again = (
                known is not None
                and known.revoked_unix_s is None
                and (known.public_key, known.token_id) == (public_key, token_id)
            )
            require_open(token, device, now_unix_s=self._clock(), is_again=is_again)
            require_proof(public_key, proof, statement)
            if known is not None and not is_again:
                require_own(token, device)
            if known is not None and known.public_key != public_key:
                revoke_certificates(self._roster, device, now_unix_s=self._clock())
            certificate = self._certified(device, request, public_key)
            if not is_again:
                self._roster.save(replace(token, used=token.used + 1))
            password = self._issue(device, public_key, token_id, known)
        if not is_again:
            self._note(f"device {device}", "device.join", device, {"token": token_id})
        return self._membership(device, password, certificate)

    def renew(self, device: str, *, at_unix_s: int, proof: str, request: str) -> Membership:
        """Give a device another password; the one before is good for a day."""
        now_unix_s = self._clock()
        with self._roster.lock:
            known = self._roster.credential(device)
            if known is None or known.revoked_unix_s is not None:
                raise DeniedError(f"no device {device!r} has joined, or it was put out: join again")
            if abs(now_unix_s - at_unix_s) > RENEWAL_LEEWAY_S:
                raise DeniedError(
                    f"the device's clock is off by {now_unix_s - at_unix_s:.0f} s, at most "
                    f"{RENEWAL_LEEWAY_S} are allowed"
                )
            if at_unix_s <= known.renewed_at_unix_s:
                raise DeniedError("such a request came before: ask again a second later")
            statement = renewal_statement(at_unix_s, fleet=self._terms.fleet, device=device)
            require_proof(known.public_key, proof, statement)
            certificate = self._certified(device, request, known.public_key)
            password = secrets.token_urlsafe(32)
            self._roster.save(
                replace(
                    known,
                    secret_hash=hash_of_secret(password),
                    broker_hash=self._terms.broker_hash(password),
                    former_hash=known.secret_hash,
                    former_until_unix_s=now_unix_s + GRACE_S,
                    issued_unix_s=now_unix_s,
                    renewed_at_unix_s=at_unix_s,
                )
            )
        self._note(f"device {device}", "credential.renew", device, {})
        return self._membership(device, password, certificate)

    def ca_pem(self) -> str:
        """Return the certificates of the local authority; empty for none."""
        return self._terms.authority.ca_pem

    def brokers(self) -> tuple[str, str]:
        """Return the broker's URLs for devices and for pages; empty for none."""
        return self._terms.broker(), self._terms.websocket()

    def credentials(self) -> Sequence[CredentialView]:
        """Return the credentials of all devices by rising name."""
        return [_credential_view(record) for record in self._roster.credentials()]

    def broker_passwords(self) -> Mapping[str, str]:
        """Return what mosquitto keeps of the password of each device that may speak."""
        return self._roster.broker_passwords()

    def revoke_credential(self, device: str, *, by: str) -> CredentialView:
        """Put a device out of the fleet: what it has is refused, and its connection ends."""
        with self._roster.lock:
            record = self._roster.credential(device)
            if record is None:
                raise NotFoundError(f"no device {device!r} has joined; `edgefleet fleet members`")
            if record.revoked_unix_s is None:
                record = replace(record, revoked_unix_s=self._clock(), former_hash="")
                self._roster.save(record)
                revoke_certificates(self._roster, device, now_unix_s=self._clock())
                self._note(by, "credential.revoke", device, {})
        self._on_gone(device)
        return _credential_view(record)

    def quarantines(self) -> Sequence[QuarantineView]:
        """Return all devices that are kept apart, by rising name."""
        return [_quarantine_view(record) for record in self._roster.quarantines()]

    def quarantine(self, device: str, *, reason: str, by: str) -> QuarantineView:
        """Keep a device apart."""
        checked_device(device)
        record = QuarantineRecord(device=device, reason=reason, since_unix_s=self._clock(), by=by)
        self._roster.save(record)
        self._note(by, "device.quarantine", device, {"reason": reason})
        return _quarantine_view(record)

    def release(self, device: str, *, by: str) -> None:
        """Let a device back that was kept apart."""
        record = self._roster.quarantine(device)
        if record is None:
            raise NotFoundError(f"device {device!r} is not in quarantine")
        self._roster.forget(record)
        self._note(by, "device.release", device, {})

    def _issue(
        self, device: str, public_key: str, token_id: str, known: CredentialRecord | None
    ) -> str:
        now_unix_s = self._clock()
        password = secrets.token_urlsafe(32)
        self._roster.save(
            CredentialRecord(
                device=device,
                public_key=public_key,
                secret_hash=hash_of_secret(password),
                broker_hash=self._terms.broker_hash(password),
                token_id=token_id,
                enrolled_unix_s=now_unix_s,
                issued_unix_s=now_unix_s,
                renewed_at_unix_s=0 if known is None else known.renewed_at_unix_s,
            )
        )
        if known is not None and known.public_key != public_key:
            self._on_gone(device)  # whoever spoke under this name until now has the old password
        return password

    def _certified(self, device: str, request: str, public_key: str) -> Certified:
        return certified(
            self._roster,
            self._terms.authority,
            device=device,
            request=request,
            public_key=public_key,
            now_unix_s=self._clock(),
        )

    def _membership(self, device: str, password: str, certificate: Certified) -> Membership:
        terms = self._terms
        return Membership(
            fleet=terms.fleet,
            device=device,
            password=password,
            broker=terms.broker(),
            websocket=terms.websocket(),
            ca_pem=terms.authority.ca_pem,
            certificate_pem=certificate.pem,
            certificate_until_unix_s=certificate.until_unix_s,
            root=terms.root().decode(),
        )

    def _token_view(self, record: JoinTokenRecord) -> JoinTokenView:
        return JoinTokenView(
            token_id=record.token_id,
            label=record.label,
            device=record.device,
            uses=record.uses,
            used=record.used,
            state=record.state(self._clock()),
            created_unix_s=record.created_unix_s,
            expires_unix_s=record.expires_unix_s,
            by=record.by,
        )


def _credential_view(record: CredentialRecord) -> CredentialView:
    return CredentialView(
        device=record.device,
        state="valid" if record.revoked_unix_s is None else "revoked",
        public_key=record.public_key,
        token_id=record.token_id,
        enrolled_unix_s=record.enrolled_unix_s,
        issued_unix_s=record.issued_unix_s,
        revoked_unix_s=record.revoked_unix_s,
    )


def _quarantine_view(record: QuarantineRecord) -> QuarantineView:
    return QuarantineView(record.device, record.reason, record.since_unix_s, record.by)
