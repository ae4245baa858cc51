"""What may be said without encryption: everything on this machine, and nothing beyond it."""

import ipaddress

from edge_contract.errors import UsageError
from edge_contract.messages.broker_url import parse_broker_urls

__all__ = ["is_loopback", "require_tls"]


def is_loopback(host: str) -> bool:
    """Return whether an address reaches this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def require_tls(host: str, *, has_tls: bool, broker: str | None) -> None:
    """Refuse to be heard by a network.

    Args:
        host: Where we listen.
        has_tls: Whether that is encrypted.
        broker: URL of a broker, or URLs of a cluster, that is not ours; ``None`` for ours.

    Raises:
        UsageError: Passwords and statistics would travel in plain text.
    """
    if not has_tls and not is_loopback(host):
        raise UsageError(
            f"listening on {host!r}, passwords and statistics would travel in plain text: make "
            "certificates (`edgefleet ca init DIR --host NAME`) and give them with --tls DIR, or "
            "your own with --tls-cert and --tls-key; listen on 127.0.0.1; or say --plain-text"
        )
    if broker is None:
        return
    for url in parse_broker_urls(broker):
        if not url.is_tls and not is_loopback(url.host):
            raise UsageError(
                f"to {url} passwords and statistics would travel in plain text: use "
                f"{'wss' if url.is_websocket else 'mqtts'}://, or say --plain-text"
            )
