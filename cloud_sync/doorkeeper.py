"""The doorkeeper of the embedded broker: who is let in, and which topics are his."""

import logging
import re
import time
from collections.abc import Callable
from typing import Final

from cloud_sync.core.enrolment import CredentialRecord
from cloud_sync.ports import Asking, Grant
from cloud_sync.roster import Roster
from edge_contract.errors import UsageError
from edge_contract.messages import FleetTopics
from edge_contract.names import NAME_PATTERN

__all__ = ["RESERVED", "Doorkeeper", "checked_device"]

_log = logging.getLogger("edgefleet.cloud")

RESERVED: Final = ("admission", "cloud", "collector")
"""Names of the cloud's own processes at a broker, and what comes before a hyphen in theirs."""

_LOGGED_S: Final = 5.0
_PROBE: Final = "edgefleet-probe"


class Doorkeeper:
    """Implements :class:`cloud_sync.ports.Admission`. Thread-safe.

    A client is a device, its client id the device's name; it may speak and listen under the topics
    of that device alone.

    Args:
        roster: Knows who has joined.
        fleet: Name of the fleet.
        is_open: Whether devices that never joined are let in, as who they say they are.
        needs_certificate: Whether devices that were given a certificate have to show it. Those
            that asked for none, as pages cannot, have their password alone.
        clock: Gives Unix seconds.
    """

    def __init__(
        self,
        roster: Roster,
        fleet: str,
        *,
        is_open: bool,
        needs_certificate: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._roster = roster
        self._topics = FleetTopics(fleet)
        self._is_open = is_open
        self._needs_certificate = needs_certificate
        self._clock = clock
        self._logged_s = -_LOGGED_S
        self._refused = 0

    def admit(self, asking: Asking) -> Grant | str:
        """Return what the client may do, or in words why it is not let in."""
        reason = self._reason_against(asking)
        if reason:
            self._tell(asking.client_id, reason)
            return reason
        topics = self._topics.device(asking.client_id)
        return Grant((topics.telemetry, topics.events), topics.subscriptions)

    def _reason_against(self, asking: Asking) -> str:
        device = asking.client_id
        if re.fullmatch(NAME_PATTERN, device) is None or device == "all":
            return "its client id is no name of a device"
        if _is_reserved(device):
            return "names like that are the cloud's own"
        credential = self._roster.credential(device)
        if credential is None:
            return "" if self._is_open else "no device of that name has joined the fleet"
        if credential.revoked_unix_s is not None:
            return "its credential was revoked"
        if asking.username != device or not asking.password:
            return f"it is not {device!r}, who has joined and gives its name and password"
        if not credential.is_proven_by(asking.password, self._clock()):
            return "its password is wrong, or an older one that is over"
        return self._certificate_against(asking, credential)

    def _certificate_against(self, asking: Asking, credential: CredentialRecord) -> str:
        shown = asking.certificate
        if shown is None:
            is_due = self._needs_certificate and self._roster.has_certificate(credential.device)
            return "it shows no certificate, and was given one" if is_due else ""
        if shown.name != credential.device:
            return f"it shows the certificate of {shown.name!r:.80}"
        if shown.public_key != credential.public_key:
            return "its certificate is for a key that this device has no more"
        return ""

    def _tell(self, client_id: str, reason: str) -> None:
        if client_id == _PROBE:
            return
        self._refused += 1
        now_s = time.monotonic()
        if now_s >= self._logged_s + _LOGGED_S:
            self._logged_s = now_s
            _log.warning(
                "client %.64r is not let in: %s (%d refused so far)",
                client_id,
                reason,
                self._refused,
            )


def _is_reserved(device: str) -> bool:
    return device.partition("-")[0] in RESERVED


def checked_device(device: str) -> str:
    """Return the name of a device that may join; raises ``UsageError``."""
    FleetTopics("any").device(device)
    if _is_reserved(device):
        raise UsageError(
            f"device name {device!r} is reserved for the cloud itself, as all that begin with "
            f"{', '.join(f'{name}-' for name in RESERVED)}: choose another one"
        )
    return device
