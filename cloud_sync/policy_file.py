"""The file of policies: read at the start, and again whenever it changes."""

import logging
import tomllib
from pathlib import Path
from typing import Final

from cloud_sync.adapters.yaml_text import read_yaml
from cloud_sync.core.policies import PolicyBook
from cloud_sync.core.policy_book import read_book
from edge_contract.errors import MessageError, UsageError
from edge_contract.reading import JsonValue

__all__ = ["PolicyFile", "read_policies"]

_log = logging.getLogger("edgefleet.cloud")

_FORMS: Final = (".toml", ".yaml", ".yml")


def read_policies(path: Path) -> PolicyBook:
    """Return the book that a TOML or YAML file holds; the end of its name says which it is.

    Raises:
        UsageError: It cannot be read, is neither, or a field makes no sense.
    """
    if path.suffix not in _FORMS:
        raise UsageError(
            f"policies {str(path)!r} are neither TOML nor YAML by their name: "
            "call the file policies.toml or policies.yaml"
        )
    try:
        return read_book(_document(path), path.name)
    except OSError as error:
        raise UsageError(f"cannot read policies {str(path)!r}: {error.strerror}") from error
    except MessageError as error:
        raise UsageError(f"policies {str(path)!r}: {error}") from error


def _document(path: Path) -> JsonValue:
    form = "TOML" if path.suffix == ".toml" else "YAML that can be used"
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else read_yaml(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, UsageError) as error:
        raise UsageError(f"policies {str(path)!r} are no {form}: {error}") from error


class PolicyFile:
    """The policies that hold.

    Args:
        path: Of the file as TOML; beside it, it may be ``.yaml`` or ``.yml`` instead. A missing
            one holds none.

    Raises:
        UsageError: It is there and cannot be used, or there are several.
    """

    def __init__(self, path: Path) -> None:
        self._places = [path.with_suffix(form) for form in _FORMS]
        self.path = path
        self.book = PolicyBook()
        self._state = self._stat()
        self._changed = bool(self._state)
        if self._changed:
            self.book = self._read(self._state)

    def look(self) -> bool:
        """Read the file again if it has changed; return whether other policies hold since.

        A file that has become unusable is told of once; what held before goes on to hold.
        """
        state, before = self._stat(), self._state
        if state == before:
            changed, self._changed = self._changed, False
            return changed
        self._state, self._changed = state, False
        if not state:
            self.book = PolicyBook()
            return True
        try:
            found = self._read(state)
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

    def _read(self, state: dict[Path, tuple[int, int]]) -> PolicyBook:
        if len(state) > 1:
            listed = " and ".join(repr(str(path)) for path in state)
            raise UsageError(f"there are policies in {listed}: keep one of them")
        (self.path,) = state
        return read_policies(self.path)

    def _stat(self) -> dict[Path, tuple[int, int]]:
        """Return the files that are there, with what tells that they have changed."""
        found: dict[Path, tuple[int, int]] = {}
        for path in self._places:
            try:
                stat = path.stat()
            except OSError:
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size)
        return found
