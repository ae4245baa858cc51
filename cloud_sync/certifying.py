"""Certificates of devices: given when they join or renew, kept in mind, and revoked with them."""

from dataclasses import replace

from cloud_sync.core.enrolment import CertificateRecord
from cloud_sync.enrolment_terms import Authority, Certified
from cloud_sync.roster import Roster

__all__ = ["NO_CERTIFICATE", "certified", "revoke_certificates"]

NO_CERTIFICATE = Certified("", "", 0.0)


def certified(
    roster: Roster,
    authority: Authority,
    *,
    device: str,
    request: str,
    public_key: str,
    now_unix_s: float,
) -> Certified:
    """Give a device a certificate, if it asks for one and they are given here.

    Args:
        roster: Where it is written down; what is over is forgotten.
        authority: Signs.
        device: Its name.
        request: PEM; empty if it asks for none.
        public_key: The device's own.
        now_unix_s: Now.

    Raises:
        DeniedError: The request is for another key, or not signed by it.
    """
    made = authority.certify(device, request, public_key=public_key) if request else None
    if made is None:
        return NO_CERTIFICATE
    for old in _of(roster, device):
        if old.until_unix_s <= now_unix_s:
            roster.forget(old)
    roster.save(
        CertificateRecord(serial=made.serial, device=device, until_unix_s=made.until_unix_s)
    )
    return made


def revoke_certificates(roster: Roster, device: str, *, now_unix_s: float) -> None:
    """Revoke all certificates of a device."""
    for record in _of(roster, device):
        if record.revoked_unix_s is None:
            roster.save(replace(record, revoked_unix_s=now_unix_s))


def _of(roster: Roster, device: str) -> list[CertificateRecord]:
    return [record for record in roster.certificates() if record.device == device]
