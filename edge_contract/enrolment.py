"""How a device becomes a member of a fleet: what it is given, what it says, what it gets.

Somebody who runs the fleet makes a join token and brings it to the device. The device makes a key
pair, proves that it has the private half, and gets a password of its own. Later it proves the same
to get another password.
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Final, Self

from edge_contract.errors import EdgeError, MessageError, UsageError
from edge_contract.names import NAME_PATTERN, checked_name
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = [
    "RENEWAL_LEEWAY_S",
    "JoinToken",
    "Membership",
    "enrolment_statement",
    "renewal_statement",
]

RENEWAL_LEEWAY_S: Final = 300
"""How far a device's clock may be off when it asks for a new password."""

_PREFIX: Final = "efj_"
_MAX_TEXT: Final = 4000
_MAX_PEM: Final = 64_000
_DIGEST: Final = r"[0-9a-f]{64}"
_URL: Final = r"https?://[!-~]{1,1000}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """What a device is given to join a fleet; whoever has it may join, as often as it says.

    Attributes:
        url: Of the cloud's API, as the device reaches it.
        fleet: Name of the fleet.
        token_id: The token's public part.
        secret: Its secret part.
        ca_sha256: Of the certificate (DER) that signs the cloud's; empty to trust what the system
            trusts.
        root_sha256: Of the TUF root that the device shall pin; empty for none.
    """

    url: str
    fleet: str
    token_id: str
    secret: str
    ca_sha256: str = ""
    root_sha256: str = ""

    def __str__(self) -> str:
        """The token as people pass it on."""
        body = {
            "u": self.url,
            "f": self.fleet,
            "i": self.token_id,
            "s": self.secret,
            "c": self.ca_sha256,
            "r": self.root_sha256,
        }
        text = json.dumps({key: value for key, value in body.items() if value})
        return _PREFIX + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token; raises ``UsageError``, which does not repeat it, if it is none."""
        text = text.strip()
        wrong = UsageError(
            "this is no join token, or not all of one: it begins with efj_ and is what "
            "`edgefleet fleet enroll` printed"
        )
        if not text.startswith(_PREFIX) or len(text) > _MAX_TEXT:
            raise wrong
        encoded = text.removeprefix(_PREFIX)
        try:
            body = json.loads(_decoded(encoded))
            reader = Reader(body, "join token", MessageError)
            return cls(
                url=reader["u"].text(max_length=1100, pattern=_URL),
                fleet=checked_name(reader["f"].text(), "fleet"),
                token_id=reader["i"].text(pattern="[0-9a-f]{12}"),
                secret=reader["s"].text(pattern="[A-Za-z0-9_-]{43}"),
                ca_sha256=_optional(body, "c"),
                root_sha256=_optional(body, "r"),
            )
        except (ValueError, RecursionError, EdgeError) as error:
            raise wrong from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What a device gets when it joins, and again when it renews its password.

    Attributes:
        fleet: Name of the fleet.
        device: Name of the device; its user name at the broker, too.
        password: For the broker.
        broker: URL of the broker; the host is left out where it is the one of the cloud's API.
        websocket: The same for browsers; empty for none.
        ca_pem: Certificates that sign the cloud's; empty to trust what the system trusts.
        certificate_pem: Of the device; empty for none.
        certificate_until_unix_s: When that ends; 0 for none.
        root: TUF root to pin, JSON; empty for none.
    """

    fleet: str
    device: str
    password: str
    broker: str
    websocket: str = ""
    ca_pem: str = ""
    certificate_pem: str = ""
    certificate_until_unix_s: float = 0.0
    root: str = ""

    def to_json(self) -> JsonObject:
        """Return the answer's body."""
        return {
            "fleet": self.fleet,
            "device": self.device,
            "password": self.password,
            "broker": self.broker,
            "websocket": self.websocket,
            "ca": self.ca_pem,
            "certificate": self.certificate_pem,
            "certificate_until_unix_s": self.certificate_until_unix_s,
            "root": self.root,
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> Self:
        """Read the answer's body; raises ``MessageError`` if it is none."""
        reader = Reader(value, "membership", MessageError)
        return cls(
            fleet=reader["fleet"].text(pattern=NAME_PATTERN),
            device=reader["device"].text(pattern=NAME_PATTERN),
            password=reader["password"].text(max_length=200),
            broker=reader["broker"].text(max_length=1100),
            websocket=reader["websocket"].text(max_length=1100),
            ca_pem=reader["ca"].text(max_length=_MAX_PEM),
            certificate_pem=reader["certificate"].text(max_length=_MAX_PEM),
            certificate_until_unix_s=reader["certificate_until_unix_s"].number(),
            root=reader["root"].text(max_length=10 * _MAX_PEM),
        )


def enrolment_statement(token_id: str, *, fleet: str, device: str) -> bytes:
    """Return what a device signs to show that it has the key that it enrols with."""
    return b"\0".join((b"edgefleet enrolment", token_id.encode(), fleet.encode(), device.encode()))


def renewal_statement(at_unix_s: int, *, fleet: str, device: str) -> bytes:
    """Return what a device signs to get a new password; each time counts once."""
    return b"\0".join(
        (b"edgefleet renewal", str(at_unix_s).encode(), fleet.encode(), device.encode())
    )


def _decoded(text: str) -> bytes:
    """Return what base64 for URLs stands for; raises ``ValueError`` if it is none."""
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)


def _optional(body: JsonValue, key: str) -> str:
    found = body.get(key, "") if isinstance(body, dict) else ""
    if not isinstance(found, str) or re.fullmatch(rf"(?:{_DIGEST})?", found) is None:
        raise UsageError(f"{key!r} of a join token is no digest")
    return found
