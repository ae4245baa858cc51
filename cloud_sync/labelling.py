"""Labelling: what joins samples and labels to a cloud."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cloud_sync.adapters.durable_files import write_durably
from cloud_sync.adapters.sample_folder import SampleFolder
from cloud_sync.conductor import Conductor
from cloud_sync.config import CloudConfig
from cloud_sync.core.sample_tickets import SampleTickets
from cloud_sync.core.segments import Segment
from cloud_sync.group_desk import Note
from cloud_sync.label_desk import LabelDesk, Windows
from cloud_sync.ports import PackageRepository, Warehouse
from cloud_sync.sample_desk import SampleDesk
from edge_contract.errors import UnavailableError

__all__ = ["Labelling"]

_KEY_FILE: Final = "samples.key"
_SECRET_BYTES: Final = 32
_BLOBS: Final = "/blobs"


class Labelling:
    """Makes the desks of samples and labels.

    Args:
        config: Of the cloud.
        warehouse: Where labels are counted.
        packages: The registry.
        segments: Finds the segments that a device is in.

    Raises:
        UnavailableError: The secret of the cloud's tickets can be neither read nor written.
    """

    def __init__(
        self,
        config: CloudConfig,
        warehouse: Warehouse,
        packages: PackageRepository,
        *,
        segments: Callable[[str], tuple[Segment, ...]],
    ) -> None:
        self._config = config
        self._warehouse = warehouse
        self._packages = packages
        self._segments = segments
        self._folder = SampleFolder(
            config.data / "samples",
            keep_days=config.samples_days,
            most_bytes=config.max_sample_bytes,
        )
        self.tickets = SampleTickets(_secret(config.data / _KEY_FILE))

    def serve_at(self, packages_url: str) -> None:
        """Say where devices reach the cloud, by where they fetch packages."""
        is_ours = packages_url.endswith(f"/api/v1{_BLOBS}")
        derived = f"{packages_url.removesuffix(_BLOBS)}/uploads" if is_ours else ""
        self.tickets.url = self._config.samples_url or derived

    def samples(self, conductor: Conductor, note: Note) -> SampleDesk:
        """Return the desk of samples."""
        return SampleDesk(
            self._folder,
            self.tickets,
            conductor=conductor,
            store=self._warehouse,
            packages=self._packages,
            note=note,
            hides_devices=self._config.sample_pseudonyms,
        )

    def labels(self, conductor: Conductor, note: Note) -> LabelDesk:
        """Return the desk of labels."""
        return LabelDesk(
            self._warehouse,
            self._packages,
            conductor.order,
            windows=Windows(self._config.window_s, self._config.device_window_s),
            device_of=lambda name: self.tickets.device_of(name, conductor.snapshot.facts),
            segments=self._segments,
            note=note,
        )

    def clean(self, now_unix_s: float) -> None:
        """Forget what is too old."""
        self._folder.expire(now_unix_s)
        self._warehouse.prune_labels(now_unix_s - self._config.retention.days * 86_400)


def _secret(path: Path) -> bytes:
    """Return the secret of this cloud, made at its first start."""
    try:
        found = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise UnavailableError(
            f"cannot read {str(path)!r}: {error.strerror}; give this user the right to"
        ) from error
    if len(found) == _SECRET_BYTES:
        return found
    made = secrets.token_bytes(_SECRET_BYTES)
    write_durably(path, made)
    return made
