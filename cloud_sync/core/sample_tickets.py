"""Tickets: how the cloud knows that samples come from a device that it asked for them.

A command ``capture-samples`` goes to each device with a ticket of its own, made of a secret of the
cloud, the command and the device. It travels where only that device listens, so whoever shows it is
that device; nothing has to be remembered. The same secret makes pseudonyms of devices.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from edge_contract.messages import Command
from edge_contract.samples import CAPTURE

__all__ = ["SampleTickets"]

_PSEUDONYM: Final = "p-"


class SampleTickets:
    """Makes tickets and pseudonyms.

    Args:
        secret: Of the cloud; the same after a restart.

    Attributes:
        url: Where samples go, as devices reach it; empty if that is not known.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.url = ""

    def dressed(self, device: str, command: Command) -> Command:
        """Return a command as one device gets it."""
        if command.name != CAPTURE:
            return command
        upload = {
            "url": self.url,
            "ticket": self.ticket(command.command_id, device),
            "command": command.command_id,
        }
        return replace(command, arguments={**command.arguments, "upload": upload})

    def ticket(self, command_id: str, device: str) -> str:
        """Return the ticket of a device for a command."""
        return self._code("ticket", command_id, device)

    def is_valid(self, ticket: str, *, command_id: str, device: str) -> bool:
        """Return whether a ticket is the right one; takes as long for a wrong one."""
        expected = self.ticket(command_id, device)
        return hmac.compare_digest(ticket.encode(), expected.encode())

    def pseudonym(self, device: str) -> str:
        """Return a name that only this cloud can find the device by."""
        return f"{_PSEUDONYM}{self._code('pseudonym', device)[:20]}"

    def device_of(self, name: str, devices: Iterable[str]) -> str | None:
        """Return the device of a name or pseudonym; ``None`` if it is none of these."""
        if not name.startswith(_PSEUDONYM):
            return name if name in set(devices) else None
        return next((device for device in devices if self.pseudonym(device) == name), None)

    def _code(self, *parts: str) -> str:
        return hmac.new(self._secret, "/".join(parts).encode(), hashlib.sha256).hexdigest()
