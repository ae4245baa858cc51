"""Model packages as people name them: files on disk."""

from pathlib import Path

from edge_contract.errors import UsageError

__all__ = ["read_archive"]


def read_archive(path: Path) -> bytes:
    """Return the bytes of a package's one-file form; raises ``UsageError`` if it is not there."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read model package {str(path)!r}: {error.strerror}; "
            "`edgefleet convert` makes one"
        ) from error
