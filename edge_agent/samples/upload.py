"""Hands samples to the cloud: ``PUT URL/COMMAND/DEVICE/PART``, with the ticket that it gave."""

import http.client
import ipaddress
import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from edge_agent.adapters.web import tls_to
from edge_contract.errors import PeerError, UnavailableError

__all__ = ["RefusedSamplesError", "SampleUpload"]

_TIMEOUT_S: Final = 20.0
_WAITS_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
_SCHEMES: Final = ("http://", "https://")


class RefusedSamplesError(PeerError):
    """The cloud does not take these samples; sending them again does not help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleUpload:
    """Where the samples of one command go.

    Attributes:
        url: Without a slash at its end.
        command_id: The command that asked for them.
        device: Who answers it.
        ticket: Shows that the command came to this device.
        leaving: Set when the agent ends.
        ca_file: Certificates to trust; ``None`` for the system's.
        plain_text: Whether rows may travel unencrypted beyond this machine.
    """

    url: str
    command_id: str
    device: str
    ticket: str = field(repr=False)
    leaving: threading.Event
    ca_file: str | None = None
    plain_text: bool = False

    def put(self, part: int, data: bytes) -> None:
        """Send a parcel until the cloud has written it; the same part twice counts once.

        Raises:
            RefusedSamplesError: The cloud does not take it.
            UnavailableError: The cloud could not be reached for half a minute, or the agent ends.
        """
        if not self.url.startswith(_SCHEMES):
            raise RefusedSamplesError(f"samples go to http:// or https://, not to {self.url!r:.99}")
        if not self.plain_text and not _is_secret(self.url):
            raise RefusedSamplesError(
                f"rows would travel to {self.url} in plain text: serve the cloud with TLS, or say "
                "plain_text=True (--plain-text) on this device"
            )
        for wait_s in (*_WAITS_S, None):
            try:
                self._put_once(part, data)
            except UnavailableError:
                if wait_s is None or self.leaving.wait(wait_s):
                    raise
            else:
                return

    def _put_once(self, part: int, data: bytes) -> None:
        request = urllib.request.Request(  # noqa: S310  the scheme was checked
            f"{self.url}/{self.command_id}/{self.device}/{part}",
            data=data,
            method="PUT",
            headers={"Content-Type": "application/json", "X-Edgefleet-Ticket": self.ticket},
        )
        try:
            tls = tls_to(self.url, self.ca_file)
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=tls):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            text = f"the cloud answers {error.code}: {_detail(error)}"
            if error.code in (408, 429) or error.code >= 500:
                raise UnavailableError(text) from error
            raise RefusedSamplesError(text) from error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise UnavailableError(f"cannot send samples to {self.url}: {reason}") from error


def _is_secret(url: str) -> bool:
    """Return whether nobody else can read what goes there."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return parts.scheme == "https" or is_here


def _detail(error: urllib.error.HTTPError) -> str:
    """Return what the problem document of an answer says, or its status line."""
    try:
        found = json.loads(error.read(10_000))
        return str(found["detail"])[:500]
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        return str(error.reason)
