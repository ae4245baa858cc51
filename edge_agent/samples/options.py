"""What the owner of a device allows to be done with rows."""

from dataclasses import dataclass

from edge_contract.errors import UsageError

__all__ = ["SampleOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOptions:
    """What the owner of a device allows.

    Attributes:
        purposes: For which samples may leave it; without any, none is ever kept.
        most_mib: What samples may take of the disk.
        days: How long one may stay on the device.
        broker_host: Stands in for the host where the cloud's URL begins with ``:PORT``.
        ca_file: Certificates to trust for the cloud; ``None`` for the system's.
        plain_text: Whether rows may travel unencrypted beyond this machine.
    """

    purposes: tuple[str, ...] = ()
    most_mib: float = 16.0
    days: float = 7.0
    broker_host: str = ""
    ca_file: str | None = None
    plain_text: bool = False

    def __post_init__(self) -> None:
        for purpose in self.purposes:
            if not purpose.strip() or len(purpose) > 200:
                raise UsageError(
                    f"a purpose of samples is 1 to 200 characters of text, got {purpose!r:.60}"
                )
        if not 0.0 < self.most_mib <= 100_000:
            raise UsageError(f"samples need more than 0 MiB of disk, got {self.most_mib:g}")
        if not 0.0 < self.days <= 3650:
            raise UsageError(f"samples stay for 0 to 3650 days, got {self.days:g}")
