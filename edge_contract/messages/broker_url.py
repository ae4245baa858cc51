"""The address of an MQTT broker, as a user writes it.

``mqtt://host[:port]`` and ``mqtts://`` are MQTT over TCP and over TLS; ``ws://host[:port][/path]``
and ``wss://`` are the same inside WebSocket. Device, cloud and browser read it alike. A cluster is
written with commas, ``mqtt://one:1883,two:1883``: any of its brokers serves.
"""

import re
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.records import dataclass

__all__ = ["BrokerUrl", "parse_broker_url", "parse_broker_urls"]

_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_DEFAULT_PATH: Final = "/mqtt"  # where brokers listen for MQTT inside WebSocket

_MOST_BROKERS: Final = 16

_LABEL: Final = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = rf"{_LABEL}(\.{_LABEL})*|\[[0-9A-Fa-f:.]+\]"
_AUTHORITY: Final = re.compile(rf"(?P<host>{_HOST})(:(?P<port>\d+))?(?P<path>/[!-~]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A broker's address, taken apart. ``str()`` gives a URL with everything filled in.

    Attributes:
        scheme: ``mqtt``, ``mqtts``, ``ws`` or ``wss``.
        host: A host name or an IP address, without the brackets of IPv6.
        port: 1 to 65535.
        path: Path of the WebSocket; empty for MQTT over TCP.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in {"mqtts", "wss"}

    @property
    def is_websocket(self) -> bool:
        """Whether MQTT travels inside WebSocket."""
        return self.scheme in {"ws", "wss"}

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parse_broker_urls(urls: str) -> tuple[BrokerUrl, ...]:
    """Take the addresses of one broker, or of all brokers of a cluster, apart.

    Args:
        urls: With commas between them; those without a scheme have the first one's.

    Raises:
        UsageError: One of them is no address of a broker, is there twice, or has another scheme
            than the first: what is encrypted to one broker must be so to all.
    """
    first, *others = (part.strip() for part in urls.split(","))
    found = [parse_broker_url(first)]
    for other in others:
        url = parse_broker_url(other if "://" in other else f"{found[0].scheme}://{other}")
        if url.scheme != found[0].scheme:
            raise UsageError(
                f"brokers of one cluster are reached alike, got {found[0]} and {url}: give all the "
                "same scheme"
            )
        if url in found:
            raise UsageError(f"broker {url} is there twice: give each broker of a cluster once")
        found.append(url)
    if len(found) > _MOST_BROKERS:
        raise UsageError(f"give at most {_MOST_BROKERS} brokers of a cluster, got {len(found)}")
    return tuple(found)


def parse_broker_url(url: str) -> BrokerUrl:
    """Take ``url`` apart and fill in the port and the path that its scheme implies.

    Raises:
        UsageError: It is no address of a broker, or it carries credentials.
    """
    if "@" in url:  # the message must not repeat the password into a log
        raise UsageError(
            "broker URL has a user name or password in it: leave them out of the URL and give "
            "them as username and password"
        )
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator:
        raise UsageError(f"broker URL {url!r} has no scheme: write it like mqtt://localhost:1883")
    if scheme not in _DEFAULT_PORTS:
        raise UsageError(
            f"broker URL {url!r} has the scheme {scheme!r}: use mqtt, mqtts, ws or wss"
        )
    match = _AUTHORITY.fullmatch(rest)
    if match is None:
        raise UsageError(
            f"broker URL {url!r} is not understood: write it like {scheme}://broker.example:"
            f"{_DEFAULT_PORTS[scheme]}"
        )
    digits = match["port"] or str(_DEFAULT_PORTS[scheme])
    if len(digits) > 5 or not 1 <= int(digits) <= 65535:
        raise UsageError(f"broker URL {url!r} has port {digits}: use a port from 1 to 65535")
    path = (match["path"] or "").rstrip("/")
    is_websocket = scheme in {"ws", "wss"}
    if path and not is_websocket:
        raise UsageError(
            f"broker URL {url!r} has the path {path!r}: only ws:// and wss:// have a path"
        )
    if is_websocket:
        path = path or _DEFAULT_PATH
    return BrokerUrl(scheme, match["host"].strip("[]"), int(digits), path)
