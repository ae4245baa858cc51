"""What the operator decides about a cloud."""

from dataclasses import dataclass, field
from pathlib import Path

from cloud_sync.core.retention import Retention
from cloud_sync.core.segment_index import SegmentRules
from edge_contract.errors import UsageError
from edge_contract.names import checked_name

__all__ = ["CloudConfig"]


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
        broker: URL of a broker to use in place of the embedded one.
        broker_username: For that broker.
        broker_password: For that broker.
        broker_binary: Path of a nats-server to run; ``None`` takes the installed one.
        packages_url: Where devices fetch packages; by default this host's HTTP port.
        token: Asked of everybody who uses the API; empty asks nobody.
        open_to_network: Listen beyond this machine although there is no token.
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
    broker: str | None = None
    broker_username: str | None = None
    broker_password: str | None = None
    broker_binary: str | None = None
    packages_url: str = ""
    token: str = ""
    open_to_network: bool = False
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
        _ = self.segment_rules  # refuses what is none
        if not self.device_window_s:
            object.__setattr__(self, "device_window_s", self.window_s)

    @property
    def segment_rules(self) -> SegmentRules:
        """Which groups of devices are watched; a single device is none."""
        return SegmentRules(sources=self.segments, min_devices=max(self.min_cohort, 2))

    @property
    def window_s(self) -> int:
        """Length of a window of all devices together: whole seconds, at least 1."""
        return max(round(self.interval_s), 1)
