"""Joins a fleet: makes a key on this device, proves a join token, and keeps what it gets."""

import contextlib
import hashlib
import hmac
import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from edge_agent.identity import Identity, identity_in, pending_key, save_identity
from edge_agent.way_to_cloud import is_loopback
from edge_contract.enrolment import JoinToken, Membership, enrolment_statement, renewal_statement
from edge_contract.errors import EdgeError, MessageError, UnavailableError, UsageError
from edge_contract.names import checked_name
from edge_contract.reading import JsonObject

__all__ = ["join", "renew"]

_TIMEOUT_S: Final = 20.0
_MOST_BYTES: Final = 2**20


def join(text: str, *, device: str, state: Path, plain_text: bool = False) -> Identity:
    """Join the fleet of a join token, unless this device has by the same token.

    Args:
        text: The token.
        device: Name of this device.
        state: Its state folder.
        plain_text: Whether the token's secret may travel unencrypted beyond this machine.

    Raises:
        UsageError: The token is none, or the cloud refuses it, or another device's state is here;
            or its secret would travel in plain text.
        UnavailableError: The cloud is out of reach, or is not the one that the token is of.
    """
    token = JoinToken.parse(text)
    checked_name(device, "device")
    known = identity_in(state)
    if known is not None and known.token_id == token.token_id:
        if known.membership.device != device:
            raise UsageError(
                f"{str(state)!r} belongs to device {known.membership.device!r}, not {device!r}: "
                "choose another state folder"
            )
        return known
    if not plain_text:
        _require_secrecy(token.url)
    pem = pending_key(state, _new_key())
    key = _loaded(pem)
    trusted = _pinned_authority(token)
    statement = enrolment_statement(token.token_id, fleet=token.fleet, device=device)
    body: JsonObject = {
        "token_id": token.token_id,
        "secret": token.secret,
        "device": device,
        "public_key": key.public_key().public_bytes_raw().hex(),
        "proof": key.sign(statement).hex(),
        "request": _certificate_request(device, key),
    }
    membership = _asked(f"{token.url}/api/v1/enrolment", body, trusted)
    if token.root_sha256 and not _is_digest(membership.root.encode(), token.root_sha256):
        raise UnavailableError(
            "the cloud gave another root of releases than the join token names: it is not the "
            "cloud that the token is of, or its root was replaced since; ask for a new token"
        )
    return save_identity(state, membership, cloud=token.url, token_id=token.token_id, key=pem)


def renew(state: Path, *, timeout_s: float = _TIMEOUT_S) -> Identity:
    """Get another password, and certificate, for the key of this device.

    Raises:
        UsageError: This device never joined, or the cloud refuses it.
        UnavailableError: The cloud is out of reach.
    """
    known = identity_in(state)
    if known is None:
        raise UsageError(f"the device of {str(state)!r} has not joined: `edgefleet agent join`")
    given = known.membership
    pem = known.key.read_bytes()
    key = _loaded(pem)
    at_unix_s = int(time.time())
    statement = renewal_statement(at_unix_s, fleet=given.fleet, device=given.device)
    body: JsonObject = {
        "device": given.device,
        "at_unix_s": at_unix_s,
        "proof": key.sign(statement).hex(),
        "request": _certificate_request(given.device, key),
    }
    trusted = ssl.create_default_context(cafile=known.ca_file)
    made = _asked(f"{known.cloud}/api/v1/enrolment/renew", body, trusted, timeout_s=timeout_s)
    return save_identity(state, made, cloud=known.cloud, token_id=known.token_id, key=pem)


def _require_secrecy(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise UsageError(
            f"to {url} the join token and this device's password would travel in plain text: let "
            "the cloud encrypt (`edgefleet cloud run --tls DIR`), or say --plain-text"
        )


def _pinned_authority(token: JoinToken) -> ssl.SSLContext:
    """Return whom to trust: the authority of the token, fetched from wherever and then compared."""
    if not token.ca_sha256:
        return ssl.create_default_context()
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    pem = _sent(urllib.request.Request(f"{token.url}/api/v1/enrolment/ca"), anybody).decode()  # noqa: S310
    try:
        der = ssl.PEM_cert_to_DER_cert(pem.strip())
    except ValueError as error:
        raise UnavailableError(f"{token.url} gives no certificate: {error}") from error
    if not _is_digest(der, token.ca_sha256):
        raise UnavailableError(
            f"{token.url} shows another authority than the join token names: somebody else answers "
            "there, or the authority was replaced since; ask for a new token"
        )
    return ssl.create_default_context(cadata=pem)


def _asked(
    url: str, body: JsonObject, trusted: ssl.SSLContext, *, timeout_s: float = _TIMEOUT_S
) -> Membership:
    request = urllib.request.Request(  # noqa: S310  the operator's URL
        url,
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "User-Agent": "edgefleet-agent"},
    )
    try:
        return Membership.from_json(json.loads(_sent(request, trusted, timeout_s=timeout_s)))
    except (ValueError, MessageError) as error:
        raise UnavailableError(f"{url} did not answer as a cloud does: {error}") from error


def _sent(
    request: urllib.request.Request, trusted: ssl.SSLContext, *, timeout_s: float = _TIMEOUT_S
) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=timeout_s, context=trusted) as reply:  # noqa: S310
            data: bytes = reply.read(_MOST_BYTES)
            return data
    except urllib.error.HTTPError as error:
        raise _refusal(request.full_url, error) from error
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise UnavailableError(f"cannot reach the cloud at {request.full_url}: {reason}") from error


def _refusal(url: str, error: urllib.error.HTTPError) -> EdgeError:
    detail = ""
    with contextlib.suppress(ValueError, OSError, AttributeError):
        detail = str(json.loads(error.read(_MOST_BYTES)).get("detail", ""))
    text = f"{url} answers {error.code}: {detail or error.reason}"
    return UnavailableError(text) if error.code >= 500 or error.code == 429 else UsageError(text)


def _new_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def _loaded(pem: bytes) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise UsageError(f"the key of this device is damaged: {error}; join again") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("the key of this device is of another kind than Ed25519; join again")
    return key


def _certificate_request(device: str, key: Ed25519PrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, device)])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, None)
    return made.public_bytes(Encoding.PEM).decode()


def _is_digest(data: bytes, digest: str) -> bool:
    return hmac.compare_digest(hashlib.sha256(data).hexdigest(), digest)
