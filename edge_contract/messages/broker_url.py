"""The address of an MQTT broker, as a user writes it.

``mqtt://host[:port]`` and ``mqtts://`` are MQTT over TCP and over TLS; ``ws://host[:port][/path]``
and ``wss://`` are the same inside WebSocket. Device, cloud and browser read it alike.
"""

import re
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.records import dataclass

__all__ = ["BrokerUrl", "parse_broker_url"]

_DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_DEFAULT_PATH: Final = "/mqtt"  # where brokers listen for MQTT inside WebSocket

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
