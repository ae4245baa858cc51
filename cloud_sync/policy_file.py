"""The file of policies: read at the start, and again whenever it changes."""

import logging
import tomllib
from pathlib import Path

from cloud_sync.core.policies import PolicyBook
from edge_contract.errors import MessageError, UsageError

__all__ = ["PolicyFile", "read_policies"]

_log = logging.getLogger("edgefleet.cloud")


def read_policies(path: Path) -> PolicyBook:
    """Return the book that a TOML file holds.

    Raises:
        UsageError: It cannot be read, is no TOML, or a field makes no sense.
    """
    try:
        return PolicyBook.from_json(tomllib.loads(path.read_text(encoding="utf-8")), path.name)
    except OSError as error:
        raise UsageError(f"cannot read policies {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"policies {str(path)!r} are no TOML: {error}") from error
    except MessageError as error:
        raise UsageError(f"policies {str(path)!r}: {error}") from error


class PolicyFile:
    """The policies that hold.

    Args:
        path: Of the file; a missing one holds none.

    Raises:
        UsageError: It is there and cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.book = PolicyBook()
        self._state = self._stat()
        self._changed = self._state is not None
        if self._changed:
            self.book = read_policies(path)

    def look(self) -> bool:
        """Read the file again if it has changed; return whether other policies hold since.

        A file that has become unusable is told of once; what held before goes on to hold.
        """
        state, before = self._stat(), self._state
        if state == before:
            changed, self._changed = self._changed, False
            return changed
        self._state, self._changed = state, False
        if state is None:
            self.book = PolicyBook()
            return True
        try:
            found = read_policies(self.path)
        except UsageError as error:
            _log.warning("%s; the policies of version %d still hold", error, self.book.version)
            return False
        if found != self.book and found.version <= self.book.version:
            _log.warning(
                "policies %r have changed without a higher version than %d; the earlier ones hold",
                str(self.path),
                self.book.version,
            )
            return False
        self.book = found
        return True

    def _stat(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
