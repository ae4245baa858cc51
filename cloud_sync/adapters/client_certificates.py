"""Certificates by which clients prove to a broker who they are: the cloud's own, shown and revoked.

Those of devices are signed when they join (:mod:`cloud_sync.adapters.local_authority`).
"""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cloud_sync.adapters.durable_files import write_durably
from cloud_sync.adapters.local_authority import read_authority, sign_client
from cloud_sync.ports import ShownCertificate
from cloud_sync.tls_files import TlsFiles
from edge_contract.errors import UsageError

__all__ = [
    "ServiceFiles",
    "is_revocation_list_of",
    "make_service_files",
    "revocation_list",
    "service_files",
    "shown_certificate",
]

_DAYS: Final = 3650  # as long as the password beside it, which does not end


class ServiceFiles(NamedTuple):
    """By what the cloud itself, or a collector, proves who it is.

    Attributes:
        certificate: PEM.
        key: PEM.
    """

    certificate: Path
    key: Path


def service_files(folder: Path, name: str) -> ServiceFiles | None:
    """Return the files of ``cloud`` or a collector in a broker's folder; ``None`` without them."""
    found = ServiceFiles(folder / f"{name}.pem", folder / f"{name}-key.pem")
    return found if found.certificate.exists() else None


def make_service_files(folder: Path, name: str, tls: TlsFiles) -> ServiceFiles:
    """Return them, made anew where they are not there, or signed by another authority.

    Args:
        folder: Of the broker's files; made if missing.
        name: ``cloud``, or of a collector.
        tls: With the authority.

    Raises:
        UsageError: The authority's key is needed and not there.
        UnavailableError: The folder cannot be written.
    """
    if tls.ca_certificate is None:
        raise UsageError(
            "certificates of devices are signed by an authority of one's own: give --tls with a "
            "folder of `edgefleet ca init`"
        )
    found = ServiceFiles(folder / f"{name}.pem", folder / f"{name}-key.pem")
    if found.key.exists() and _is_signed_by(found.certificate, tls.ca_certificate):
        return found
    if tls.ca_key is None:
        raise UsageError(
            f"{str(tls.ca_certificate)!r} has no key beside it, which signs certificates of "
            "clients: bring ca-key.pem back, or leave --client-certificates out"
        )
    ca, ca_key = read_authority(tls.ca_certificate, tls.ca_key)
    key = ed25519.Ed25519PrivateKey.generate()
    signed = sign_client(name, key.public_key(), ca=ca, ca_key=ca_key, days=_DAYS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_durably(found.key, pem)  # which only its owner may read
    write_durably(found.certificate, signed.public_bytes(Encoding.PEM))
    return found


def _is_signed_by(certificate: Path, authority: Path) -> bool:
    try:
        made = x509.load_pem_x509_certificate(certificate.read_bytes())
        made.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.read_bytes()))
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    return made.not_valid_after_utc > dt.datetime.now(dt.UTC)


def revocation_list(tls: TlsFiles, serials: Iterable[str]) -> bytes:
    """Return the authority's list of certificates that count no more, PEM.

    It is good as long as the authority: a broker that reads it lets nobody in when it is over.

    Raises:
        UsageError: The authority's key is not there.
    """
    if tls.ca_certificate is None or tls.ca_key is None:
        raise UsageError(
            "the list of revoked certificates is signed by the authority: give --tls with a folder "
            "of `edgefleet ca init`, ca-key.pem in it"
        )
    ca, ca_key = read_authority(tls.ca_certificate, tls.ca_key)
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.subject)
        .last_update(now - dt.timedelta(hours=1))  # clocks of brokers may be behind
        .next_update(ca.not_valid_after_utc)
    )
    for serial in serials:
        gone = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(now)
        made = made.add_revoked_certificate(gone.build())
    return made.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def is_revocation_list_of(path: Path, serials: Iterable[str], tls: TlsFiles) -> bool:
    """Return whether a file holds the authority's list of these certificates already."""
    if tls.ca_certificate is None:
        return False
    try:
        found = x509.load_pem_x509_crl(path.read_bytes())
        key = x509.load_pem_x509_certificate(tls.ca_certificate.read_bytes()).public_key()
        is_ours = isinstance(key, ec.EllipticCurvePublicKey) and found.is_signature_valid(key)
    except (OSError, ValueError):
        return False
    return is_ours and {one.serial_number for one in found} == {int(it, 16) for it in serials}


def shown_certificate(pem: str) -> ShownCertificate | None:
    """Return what a certificate says that a broker has verified; ``None`` if it is none of ours."""
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        key = found.public_key()
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return None
    if not isinstance(key, ed25519.Ed25519PublicKey) or len(names) != 1:
        return None
    return ShownCertificate(str(names[0].value), key.public_bytes_raw().hex())
