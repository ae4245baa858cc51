"""Who belongs to the fleet, put together from a cloud's configuration."""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from cloud_sync.adapters.client_certificates import (
    ServiceFiles,
    service_files,
)
from cloud_sync.adapters.local_authority import LocalAuthority, NoAuthority
from cloud_sync.adapters.mosquitto_files import MosquittoFiles, mosquitto_hash
from cloud_sync.adapters.nats_broker import EmbeddedBroker
from cloud_sync.adapters.nats_callout import AuthCallout
from cloud_sync.adapters.nats_files import NatsFiles
from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from cloud_sync.config import CloudConfig
from cloud_sync.doorkeeper import Doorkeeper
from cloud_sync.enrolment_desk import EnrolmentDesk
from cloud_sync.enrolment_terms import Terms
from cloud_sync.group_desk import Note
from cloud_sync.ports import AdmissionStore
from cloud_sync.roster import Roster
from edge_contract.errors import UsageError
from edge_contract.messages.broker_url import parse_broker_url

__all__ = ["Membership", "service_login", "service_options", "showing"]

_log = logging.getLogger("edgefleet.cloud")

_TAKEN_S: Final = 3.0


def service_options(config: CloudConfig, broker: EmbeddedBroker | None) -> FleetLinkOptions:
    """Return how the cloud itself reaches its broker; it hears nothing yet."""
    client_id = f"cloud-{config.fleet}-{os.getpid()}"
    if broker is None:
        username, password = config.broker_username, config.broker_password
        if config.broker_files is not None and username is None:
            username, password = service_login(config.broker_files)
        options = FleetLinkOptions(
            url=config.broker or "",
            client_id=client_id,
            username=username,
            password=password,
            ca_file=config.broker_ca,
            subscriptions=(),
        )
        return showing(options, config.broker_files)
    username, password = broker.service_login or (None, None)
    options = FleetLinkOptions(
        url=broker.mqtt_url,
        client_id=client_id,
        username=username,
        password=password,
        ca_file=None if config.tls is None else str(config.tls.certificate),
        is_pinned=config.tls is not None,  # on this machine its names may be other ones
        subscriptions=(),
    )
    return options if broker.service_files is None else _with(options, broker.service_files)


def showing(options: FleetLinkOptions, folder: Path | None) -> FleetLinkOptions:
    """Return options with the certificate that a broker's folder has for its user; or as they are.

    Args:
        options: With the name of the user.
        folder: Of the embedded broker, or of `edgefleet broker config`; ``None`` for none.
    """
    found = None if folder is None else service_files(folder, options.username or "cloud")
    return options if found is None else _with(options, found)


def _with(options: FleetLinkOptions, files: ServiceFiles) -> FleetLinkOptions:
    return replace(options, cert_file=str(files.certificate), key_file=str(files.key))


def service_login(folder: Path, *, collector: str = "") -> tuple[str, str]:
    """Return user name and password of the cloud itself at a broker with these files.

    Args:
        folder: Of the embedded broker, or of `edgefleet broker config`.
        collector: Name of a collector beside the cloud; mosquitto knows it as a user of its own.

    Raises:
        UsageError: There are no such files.
    """
    is_apart = bool(collector) and (folder / "mosquitto.conf").exists()
    try:
        password = (folder / "service-password").read_text(encoding="ascii").strip()
    except OSError as error:
        raise UsageError(
            f"{str(folder)!r} has no files of a broker: {error.strerror}; make them with "
            "`edgefleet broker config mosquitto --out DIR`, or nats"
        ) from error
    return (f"cloud-{collector}" if is_apart else "cloud"), password


class Membership:
    """Roster, doorkeeper and enrolment desk of a cloud.

    Args:
        config: Of the cloud.
        store: Where records are.
        root: Returns the TUF root that devices shall pin; empty for none.
    """

    def __init__(
        self, config: CloudConfig, store: AdmissionStore, *, root: Callable[[], bytes]
    ) -> None:
        self._config = config
        self.roster = Roster(store)
        self.doorkeeper = Doorkeeper(
            self.roster,
            config.fleet,
            is_open=config.lets_anyone_in,
            needs_certificate=config.tls is not None and config.tls.asks_clients,
        )
        self._root = root
        self._broker: EmbeddedBroker | None = None
        self._callout: AuthCallout | None = None

    def serve(self) -> None:
        """Let a broker of one's own know who may speak, from now on."""
        if self._config.broker_files is None:
            return
        service_login(self._config.broker_files)  # refuses a folder that has none
        if NatsFiles.is_in(self._config.broker_files):
            self._callout = NatsFiles(self._config.broker_files).callout(self.doorkeeper)
            self._callout.start()
            return
        files = MosquittoFiles(self._config.broker_files)
        self.roster.on_change = lambda: self._tell(files)
        self.roster.on_change()

    def _tell(self, files: MosquittoFiles) -> None:
        """Write down for mosquitto who may speak."""
        passwords = self.roster.broker_passwords()
        if files.asks_clients:
            if self._config.tls is None:
                raise UsageError(
                    f"{str(self._config.broker_files)!r} asks devices for certificates, which this "
                    "cloud cannot give: start it with the same --tls DIR"
                )
            given = self.roster.certificates()
            revoked = [one.serial for one in given if one.revoked_unix_s is not None]
            files.write_revoked(self.roster.put_out(), revoked, self._config.tls)
            known = {one.device for one in given if one.revoked_unix_s is None}
            passwords = {name: it for name, it in passwords.items() if name not in known}
        files.write_passwords(passwords)

    def close(self) -> None:
        """Let go of a broker of one's own. Idempotent."""
        if self._callout is not None:
            self._callout.close()
            self._callout = None

    def desk(self, broker: EmbeddedBroker | None) -> "Callable[[Note], EnrolmentDesk]":
        """Return what makes the enrolment desk, given who writes the record."""
        config = self._config
        self._broker = broker
        terms = Terms(
            fleet=config.fleet,
            broker=lambda: config.broker or _without_host(broker.mqtt_url if broker else ""),
            websocket=lambda: _without_host((broker.websocket_url or "") if broker else ""),
            authority=NoAuthority() if config.tls is None else LocalAuthority(config.tls),
            root=self._root,
            broker_hash=mosquitto_hash,
        )
        return lambda note: EnrolmentDesk(
            self.roster, terms, note=note, on_gone=self._take_the_place_of
        )

    def is_apart(self, device: str) -> bool:
        """Return whether nothing of a device is to be merged."""
        return self.roster.quarantine(device) is not None

    def _take_the_place_of(self, device: str) -> None:
        """End a device's connection: of two clients with one id a broker throws out the elder."""
        if self._broker is None and self._callout is None:
            return  # a broker that is not ours: its own files say who may speak
        options = replace(service_options(self._config, self._broker), client_id=device)
        taken = PahoFleetLink(options)
        with contextlib.closing(taken):
            deaf = _Deaf()
            taken.start(deaf)
            deaf.is_there.wait(_TAKEN_S)


class _Deaf:
    """Hears nothing: it is there to take a place."""

    def __init__(self) -> None:
        self.is_there = threading.Event()

    def on_connected(self) -> None:
        """It is taken."""
        self.is_there.set()

    def on_disconnected(self, reason: str) -> None:
        """It could not be taken."""
        _log.warning("cannot end a device's connection: %s", reason)

    def on_message(self, topic: str, payload: bytes) -> None:
        """Nothing is listened to."""


def _without_host(url: str) -> str:
    """Return a URL for devices, who fill in the host by which they reach the cloud's API."""
    if not url:
        return ""
    found = parse_broker_url(url)
    return f"{found.scheme}://:{found.port}{found.path}"
