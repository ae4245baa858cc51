"""What the operator decides about a cloud."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cloud_sync.core.retention import Retention
from cloud_sync.core.segment_index import SegmentRules
from cloud_sync.exposure import is_loopback, require_tls
from cloud_sync.tls_files import TlsFiles
from edge_contract.errors import UsageError
from edge_contract.names import checked_name

__all__ = ["ADMIT", "CloudConfig"]

ADMIT: Final = ("auto", "enrolled", "anyone")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudConfig:
    """Where a cloud keeps its data, where it listens, and how it works.

    Attributes:
        data: Folder for everything that must survive a restart.
        fleet: Name of the fleet.
        host: Address to listen on; the default serves this machine alone.
        http_port: For API, dashboard and packages; 0 takes a free one.
        mqtt_port: For devices; 0 takes a free one.
        websocket_port: For browsers; ``None`` for none.
        page: Folder that `edgefleet browser build` wrote, served at ``/try/``; ``None`` for none.
        broker: URL of a broker to use in place of the embedded one.
        broker_username: Of the cloud itself at the broker.
        broker_password: Of the same; of the embedded broker by default one that lies in ``data``.
        broker_ca: File with certificates to trust for that broker; ``None`` trusts what the system
            trusts.
        broker_files: Folder of `edgefleet broker config`, by which that broker is told who may
            speak; ``None`` leaves that to it.
        broker_binary: Path of a nats-server to run; ``None`` takes the installed one.
        packages_url: Where devices fetch packages; by default this host's HTTP port.
        token: Asked of everybody who uses the API; empty asks nobody.
        open_to_network: Listen beyond this machine although there is no token.
        tls: Certificate and key of API and embedded broker; ``None`` encrypts nothing.
        plain_text: Listen beyond this machine, or speak to a broker there, although nothing is
            encrypted.
        admit: Who may speak at the embedded broker: ``enrolled`` devices, ``anyone``, or ``auto``:
            anyone as long as it listens on this machine alone and asks for no certificates, else
            enrolled devices.
        interval_s: Length of the devices' telemetry windows.
        device_window_s: How finely single devices are kept, in whole seconds; 0 for as finely as
            all devices together.
        live_s: How far back pages look at live statistics.
        false_alarms_per_month: Budget for the whole fleet.
        flush_s: Longest time between a batch and its commit.
        lease_s: Silence after which a device counts as unreachable; ``None`` derives it.
        open_enrolment: Whether devices that never announced themselves are believed.
        retention: How long windows are kept, and how finely.
        store: URL of a PostgreSQL database to keep everything but packages in; empty for a file in
            ``data``.
        name: Of this process among several collectors that share a database.
        min_cohort: Statistics of fewer devices than this are shown to nobody; with 2 or more,
            alarms name no single device.
        segments: What devices are told apart by, to watch each group by itself: ``tag:NAME`` and
            ``hardware``. ``None`` takes the hardware and every tag that has 2 to 50 values.
        max_delta_bytes: What deltas between versions may take of the disk; 0 makes none.
        samples_days: How long samples of devices are kept.
        max_sample_bytes: What they may take of the disk.
        sample_pseudonyms: Whether samples name their devices by pseudonyms alone.
        samples_url: Where devices bring samples, ``http://HOST/api/v1/uploads``; by default beside
            the packages.
        keys: Folder ``cloud`` of `edgefleet keys init`: orders to devices are then signed, and
            devices that pin the root install only what was released.
        keys_password: Of the keys in it, where they are encrypted.
    """

    data: Path
    fleet: str = "default"
    host: str = "127.0.0.1"
    http_port: int = 8080
    mqtt_port: int = 1883
    websocket_port: int | None = None
    page: Path | None = None
    broker: str | None = None
    broker_username: str | None = None
    broker_password: str | None = None
    broker_ca: str | None = None
    broker_files: Path | None = None
    broker_binary: str | None = None
    packages_url: str = ""
    token: str = ""
    open_to_network: bool = False
    tls: TlsFiles | None = None
    plain_text: bool = False
    admit: str = "auto"
    interval_s: float = 60.0
    device_window_s: int = 0
    live_s: float = 3600.0
    false_alarms_per_month: float = 1.0
    flush_s: float = 0.2
    lease_s: float | None = None
    open_enrolment: bool = False
    retention: Retention = field(default_factory=Retention)
    store: str = ""
    name: str = "cloud"
    min_cohort: int = 1
    segments: tuple[str, ...] | None = None
    max_delta_bytes: int = 2**30
    samples_days: float = 90.0
    max_sample_bytes: int = 2**30
    sample_pseudonyms: bool = False
    samples_url: str = ""
    keys: Path | None = None
    keys_password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        checked_name(self.fleet, "fleet")
        checked_name(self.name, "collector")
        for name, port in {
            "http": self.http_port,
            "mqtt": self.mqtt_port,
            "websocket": self.websocket_port or 0,
        }.items():
            if not 0 <= port <= 65_535:
                raise UsageError(f"{name} port must be from 0 to 65535, got {port}")
        if not 0.5 <= self.interval_s <= 86_400:
            raise UsageError(f"interval must be from 0.5 to 86400 s, got {self.interval_s}")
        if not 0 < self.false_alarms_per_month <= 10_000:
            raise UsageError(
                f"false alarms per month must be above 0, got {self.false_alarms_per_month}"
            )
        if self.min_cohort < 1:
            raise UsageError(f"min_cohort must be at least 1 device, got {self.min_cohort}")
        if self.max_delta_bytes < 0:
            raise UsageError(f"max_delta_bytes must be 0 or more, got {self.max_delta_bytes}")
        self._require_sample_limits()
        _ = self.segment_rules  # refuses what is none
        self._require_safety()
        if not self.device_window_s:
            object.__setattr__(self, "device_window_s", self.window_s)

    def _require_sample_limits(self) -> None:
        if not 0 < self.samples_days <= 3650:
            raise UsageError(f"samples are kept for 0 to 3650 days, got {self.samples_days:g}")
        if self.max_sample_bytes < 0:
            raise UsageError(f"max_sample_bytes must be 0 or more, got {self.max_sample_bytes}")
        if self.samples_url and not self.samples_url.startswith(("http://", "https://")):
            raise UsageError(
                f"samples_url {self.samples_url!r:.200} does not begin with http:// or https://"
            )

    def _require_safety(self) -> None:
        """Refuse what lets in somebody whom nobody meant."""
        if self.admit not in ADMIT:
            raise UsageError(f"admit is {self.admit!r}: use one of {', '.join(ADMIT)}")
        if self.broker_files is not None and self.broker is None:
            raise UsageError("--broker-files are those of a broker of your own: give --broker, too")
        if self.tls is not None and self.tls.asks_clients and self.admit == "anyone":
            raise UsageError(
                "--client-certificates asks devices who they are, and --admit anyone does not: "
                "leave one out"
            )
        if not self.plain_text:
            require_tls(self.host, has_tls=self.tls is not None, broker=self.broker)

    @property
    def segment_rules(self) -> SegmentRules:
        """Which groups of devices are watched; a single device is none."""
        return SegmentRules(sources=self.segments, min_devices=max(self.min_cohort, 2))

    @property
    def lets_anyone_in(self) -> bool:
        """Whether devices that never joined may speak at the embedded broker."""
        asks = self.tls is not None and self.tls.asks_clients
        is_here = is_loopback(self.host) and not asks
        return self.admit == "anyone" or (self.admit == "auto" and is_here)

    @property
    def window_s(self) -> int:
        """Length of a window of all devices together: whole seconds, at least 1."""
        return max(round(self.interval_s), 1)
