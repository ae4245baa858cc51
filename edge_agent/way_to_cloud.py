"""How an agent reaches its cloud: what it was told, and what it got when it joined."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from edge_agent.config import default_state_folder
from edge_contract.errors import EdgeError, UsageError

if TYPE_CHECKING:
    from edge_agent.identity import Identity

__all__ = ["CloudOptions", "is_loopback", "way_to_cloud", "with_host"]

_log = logging.getLogger("edgefleet.agent")

_RENEWED_BEFORE_S: Final = 30 * 86_400.0
_RENEWAL_TIMEOUT_S: Final = 10.0


class CloudOptions(NamedTuple):
    """How to reach a cloud.

    Attributes:
        url: Of the broker, or of all brokers of a cluster with commas between; ``None`` for no
            cloud.
        username: For the broker.
        password: For the broker.
        root: What vouches for its packages and orders; ``None`` to believe whoever speaks.
        ca_file: Certificates to trust; ``None`` for the system's.
        cert_file: This device's certificate; ``None`` for none.
        key_file: Its key.
        password_now: Returns the password for each new connection, as it may have been renewed;
            ``None`` where it stays.
        plain_text: Whether passwords and statistics may travel unencrypted beyond this machine.
    """

    url: str | None
    username: str | None = None
    password: str | None = None
    root: bytes | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    password_now: Callable[[], str | None] | None = None
    plain_text: bool = False


def way_to_cloud(
    told: CloudOptions, *, fleet: str, device: str, state: Path | None, join_token: str | None
) -> CloudOptions:
    """Return how to reach the cloud; joins its fleet first where a token says so.

    Args:
        told: By whoever starts the agent; it wins.
        fleet: Name of the fleet.
        device: Name of this device.
        state: Its state folder; ``None`` for the usual one.
        join_token: Lets it join; ``None`` if it has joined, or needs not.

    Raises:
        UsageError: Something does not fit, or would travel in plain text.
        UnavailableError: The cloud is out of reach, and this device has not joined yet.
    """
    folder = state or default_state_folder(fleet, device)
    if told.url is not None and not told.plain_text:
        _require_secrecy(told.url)
    if join_token or (folder / "identity" / "membership.json").exists():
        told = _as_member(told, join_token, fleet=fleet, device=device, folder=folder)
    return told


def _as_member(
    told: CloudOptions, join_token: str | None, *, fleet: str, device: str, folder: Path
) -> CloudOptions:
    from edge_agent.identity import identity_in  # by members only, for it takes time

    if join_token:
        from edge_agent.joining import join

        identity = join(join_token, device=device, state=folder, plain_text=told.plain_text)
    else:
        found = identity_in(folder)
        if found is None:
            return told
        identity = found
    return _with_identity(told, identity, fleet=fleet, device=device, folder=folder)


def _with_identity(
    told: CloudOptions, identity: "Identity", *, fleet: str, device: str, folder: Path
) -> CloudOptions:
    given = identity.membership
    if (given.fleet, given.device) != (fleet, device):
        raise UsageError(
            f"{str(folder)!r} belongs to device {given.device!r} of fleet {given.fleet!r}, not to "
            f"{device!r} of {fleet!r}: choose another state folder, or say --device and --fleet"
        )
    is_own_login = told.username is not None
    has_certificate = told.cert_file is None and identity.certificate is not None
    return told._replace(
        url=told.url or with_host(given.broker, identity.cloud),
        username=told.username if is_own_login else device,
        password=told.password if is_own_login else given.password,
        password_now=None if is_own_login else lambda: _password_in(folder),
        root=told.root or identity.root,
        ca_file=told.ca_file or identity.ca_file,
        cert_file=identity.certificate if has_certificate else told.cert_file,
        key_file=str(identity.key) if has_certificate else told.key_file,
    )


def _password_in(folder: Path) -> str | None:
    """Return the password for another connection; certificates that end soon are renewed first."""
    from edge_agent.identity import identity_in

    found = identity_in(folder)
    if found is None:
        return None
    until_unix_s = found.membership.certificate_until_unix_s
    if until_unix_s and time.time() > until_unix_s - _RENEWED_BEFORE_S:
        found = _renewed(folder) or found
    return found.membership.password


def _renewed(folder: Path) -> "Identity | None":
    """Get another certificate; ``None`` if the cloud is out of reach: it is tried again."""
    from edge_agent.joining import renew

    try:
        return renew(folder, timeout_s=_RENEWAL_TIMEOUT_S)
    except EdgeError as error:
        _log.warning("cannot renew the certificate of this device: %s", error)
        return None


def with_host(broker: str, cloud: str) -> str:
    """Return a broker's URL; where its host is left out it is the cloud's."""
    host = urlsplit(cloud).hostname or ""
    return broker.replace("://:", f"://{f'[{host}]' if ':' in host else host}:", 1)


def _require_secrecy(url: str) -> None:
    """Refuse plain text beyond this machine."""
    from edge_contract.messages.broker_url import parse_broker_urls  # by who has a cloud

    for broker in parse_broker_urls(url):
        if not broker.is_tls and not is_loopback(broker.host):
            raise UsageError(
                f"to {broker} statistics, orders and passwords would travel in plain text: use "
                f"{'wss' if broker.is_websocket else 'mqtts'}://, or say plain_text=True "
                "(--plain-text)"
            )


def is_loopback(host: str) -> bool:
    """Return whether an address reaches this machine alone."""
    if host in ("localhost", "127.0.0.1", "::1"):
        return True
    import ipaddress  # takes longer to load than it took to ask

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
