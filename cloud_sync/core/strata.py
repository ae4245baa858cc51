"""Which part of the day or week a window's rows belong to."""

from typing import Final

from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import WindowEntry
from edge_contract.package import Role

__all__ = ["stratum_of"]

_DAY_S: Final = 86_400.0


def stratum_of(package: PackageFacts, entry: WindowEntry) -> str | None:
    """Return the stratum by which a window is judged.

    It is the one that covers at least half of the window, and holds its start or its end. A window
    that no stratum covers so well, as a device has after it was offline for long and merged what it
    could not send, belongs to none: the pooled reference would be wrong for it as well, because it
    mixes all strata, so such a window is counted everywhere but not judged.

    Returns:
        A key of the package's strata; empty if it has none or the role is not compared with a
        reference; ``None`` if the window belongs to none.

    Raises:
        UnavailableError: The package's time zone is not known on this machine.
    """
    strata = package.reference.strata
    if strata is None or entry.role != Role.PRIMARY:
        return ""
    start_unix_s, end_unix_s = entry.start_unix_s, entry.end_unix_s
    if end_unix_s - start_unix_s > _DAY_S:
        return None
    try:
        middle = strata.spec.key((start_unix_s + end_unix_s) / 2)
        edges = strata.spec.key(start_unix_s), strata.spec.key(end_unix_s)
    except UsageError as error:
        raise UnavailableError(
            f"cannot tell to which time of day {package.manifest.reference} compares rows: {error}"
        ) from error
    return middle if middle in edges else None
