"""A local certificate authority for small fleets: signs the cloud's certificate and devices'."""

import datetime as dt
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud_sync.adapters.durable_files import write_durably
from cloud_sync.core.enrolment import DeniedError
from cloud_sync.enrolment_terms import Certified
from cloud_sync.tls_files import (
    CA_CERTIFICATE,
    CA_KEY,
    SERVER_CERTIFICATE,
    SERVER_KEY,
    TlsFiles,
)
from edge_contract.errors import UsageError

__all__ = [
    "LocalAuthority",
    "NoAuthority",
    "issue_server",
    "make_authority",
    "read_authority",
    "sign_client",
]

_HERE: Final = ("localhost", "127.0.0.1", "::1")
_CA_DAYS: Final = 3650
_LEAF_DAYS: Final = 365
_SLACK: Final = dt.timedelta(hours=1)  # clocks of devices may be behind
_HOST: Final = re.compile(
    r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*"
)


class NoAuthority:
    """Stands where devices trust what their system trusts, or where nothing is encrypted."""

    ca_pem: Final = ""
    ca_sha256: Final = ""

    def certify(self, device: str, request: str, *, public_key: str) -> Certified | None:
        """Return nothing: no certificates are given to devices here."""


class LocalAuthority:
    """Implements :class:`cloud_sync.enrolment_terms.Authority` over the files of `edgefleet ca`.

    Args:
        files: Where they are.

    Raises:
        UsageError: They cannot be read.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.ca_pem = ""
        self.ca_sha256 = ""
        self._files = files
        if files.ca_certificate is not None:
            self.ca_pem = _read(files.ca_certificate).decode()
            self.ca_sha256 = _certificate(files.ca_certificate).fingerprint(hashes.SHA256()).hex()

    def certify(self, device: str, request: str, *, public_key: str) -> Certified | None:
        """Return a certificate for a device; ``None`` where the authority's key is elsewhere."""
        if self._files.ca_certificate is None or self._files.ca_key is None:
            return None
        try:
            asked = x509.load_pem_x509_csr(request.encode())
            is_signed = asked.is_signature_valid
        except (ValueError, InvalidSignature) as error:
            raise DeniedError(f"the request for a certificate cannot be read: {error}") from error
        key = asked.public_key()
        if not is_signed or not isinstance(key, ed25519.Ed25519PublicKey):
            raise DeniedError("the request for a certificate is not signed by its key (Ed25519)")
        if key.public_bytes_raw().hex() != public_key:
            raise DeniedError("the request for a certificate is for another key than the device's")
        ca, ca_key = read_authority(self._files.ca_certificate, self._files.ca_key)
        made = sign_client(device, key, ca=ca, ca_key=ca_key, days=_LEAF_DAYS)
        return Certified(
            made.public_bytes(Encoding.PEM).decode(),
            f"{made.serial_number:x}",
            made.not_valid_after_utc.timestamp(),
        )


def sign_client(
    name: str,
    key: ed25519.Ed25519PublicKey,
    *,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    days: int,
) -> x509.Certificate:
    """Return a certificate by which somebody proves to a broker who he is.

    Args:
        name: His.
        key: His.
        ca: The authority.
        ca_key: Its key.
        days: How long it is good; not longer than the authority.
    """
    return (
        _builder(name, days=days, most=ca.not_valid_after_utc)
        .issuer_name(ca.subject)
        .public_key(key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def make_authority(folder: Path, *, name: str, hosts: Sequence[str] = ()) -> None:
    """Make a key and a certificate that signs others, good for ten years.

    Args:
        folder: Where.
        name: Of the authority.
        hosts: That it will sign a certificate for; looked at before anything is written.

    Raises:
        UsageError: There is one already, or a host is none.
        UnavailableError: The folder cannot be written.
    """
    for host in hosts:
        _general_name(host)
    if (folder / CA_CERTIFICATE).exists() or (folder / CA_KEY).exists():
        raise UsageError(
            f"{str(folder)!r} has an authority already, which devices trust: choose another folder,"
            " or make the cloud's certificate anew with `edgefleet ca issue`"
        )
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        _builder(name, days=_CA_DAYS)
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(folder / CA_KEY, key)
    write_durably(folder / CA_CERTIFICATE, made.public_bytes(Encoding.PEM))


def issue_server(folder: Path, hosts: Sequence[str]) -> dt.datetime:
    """Make the cloud's key and certificate, good for a year, and return when it ends.

    Args:
        folder: With the authority.
        hosts: Names and addresses by which devices reach the cloud; this machine's own are added.

    Raises:
        UsageError: There is no authority, or a host is none.
        UnavailableError: The folder cannot be written.
    """
    names = [_general_name(host) for host in dict.fromkeys([*hosts, *_HERE])]
    ca, ca_key = read_authority(folder / CA_CERTIFICATE, folder / CA_KEY)
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    made = (
        _builder((*hosts, _HERE[0])[0][:64], days=_LEAF_DAYS)
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_key(folder / SERVER_KEY, key)
    write_durably(folder / SERVER_CERTIFICATE, made.public_bytes(Encoding.PEM))
    return made.not_valid_after_utc


def _builder(
    common_name: str, *, days: int, most: dt.datetime | None = None
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    until = now + dt.timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(until if most is None else min(until, most))
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        if _HOST.fullmatch(host) is None or len(host) > 253:
            raise UsageError(
                f"{host!r} is no host: write a name like cloud.example, or an address"
            ) from None
        return x509.DNSName(host)


def read_authority(
    certificate: Path, key: Path
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return certificate and key of an authority; raises ``UsageError`` if they are none."""
    ca = _certificate(certificate)
    try:
        found = load_pem_private_key(_read(key), password=None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{str(key)!r} is no key of an authority: {error}") from error
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise UsageError(f"{str(key)!r} is a key of another kind than `edgefleet ca init` makes")
    return ca, found


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path))
    except ValueError as error:
        raise UsageError(f"{str(path)!r} is no certificate: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {str(path)!r}: {error.strerror}; `edgefleet ca init` makes it"
        ) from error


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_durably(path, data)  # which only its owner may read
