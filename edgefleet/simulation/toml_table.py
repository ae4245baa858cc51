"""Tables of a TOML file, read key by key, with errors that name the place."""

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_contract.errors import UsageError

__all__ = ["TomlTable"]


class TomlTable:
    """One table; what was not asked for is refused by :meth:`end`.

    All methods raise ``UsageError`` for a value that is not what was asked for.

    Args:
        values: What the file says.
        where: The file and the table in it, for people.
    """

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        self._values = values
        self._where = where
        self._known: list[str] = []

    @classmethod
    def read(cls, path: Path) -> "TomlTable":
        """Return the whole of a file; raises ``UsageError`` if it cannot be read."""
        try:
            with path.open("rb") as file:
                return cls(tomllib.load(file), repr(str(path)))
        except OSError as error:
            raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{str(path)!r} is no TOML: {error}") from error

    def has(self, key: str) -> bool:
        """Return whether the key is there."""
        self._known.append(key)
        return key in self._values

    def number(
        self, key: str, default: float, *, low: float = 0.0, high: float = math.inf
    ) -> float:
        """Return a number from ``low`` to ``high``."""
        found = self._value(key, default)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self._refused(key, found, "a number")
        if not low <= found <= high:  # so is what is no number
            raise self._refused(key, found, _range_of("a number", low, high))
        return float(found)

    def whole(self, key: str, default: int, *, low: int = 0, high: int = 10**9) -> int:
        """Return a whole number from ``low`` to ``high``."""
        found = self._value(key, default)
        if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
            raise self._refused(key, found, _range_of("a whole number", low, high))
        return found

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        found = self._value(key, default)
        if not isinstance(found, bool):
            raise self._refused(key, found, "true or false")
        return found

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; it must be there if there is no default."""
        found = self._value(key, default)
        if not isinstance(found, str):
            raise self._refused(key, found, "a text")
        return found

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self._value(key, list(default))
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise self._refused(key, found, "a list of texts")
        return tuple(found)

    def values(self, key: str) -> Mapping[str, object]:
        """Return a table as it stands; empty if it is not there."""
        found = self._value(key, {})
        if not isinstance(found, dict):
            raise self._refused(key, found, "a table")
        return found

    def table(self, key: str) -> "TomlTable":
        """Return a table; an empty one if it is not there."""
        return TomlTable(self.values(key), f"{self._where}: [{key}]")

    def tables(self, key: str) -> list["TomlTable"]:
        """Return a list of tables, each written as ``[[key]]``."""
        found = self._value(key, [])
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise self._refused(key, found, f"tables, each written as [[{key}]]")
        return [
            TomlTable(item, f"{self._where}: [[{key}]] number {number}")
            for number, item in enumerate(found, 1)
        ]

    def end(self) -> None:
        """Raise ``UsageError`` if there is a key that nobody asked for."""
        for key in self._values:
            if key not in self._known:
                close = difflib.get_close_matches(key, self._known, n=1)
                advice = f"; did you mean {close[0]!r}?" if close else f"; known: {self._listed}"
                raise UsageError(f"{self._where}: key {key!r} is unknown{advice}")

    def wrong(self, what: str) -> UsageError:
        """Return the error for something that is wrong with the table."""
        return UsageError(f"{self._where}: {what}")

    @property
    def _listed(self) -> str:
        return ", ".join(sorted(self._known))

    def _value(self, key: str, default: object) -> object:
        self._known.append(key)
        found = self._values.get(key, default)
        if found is None:
            raise self.wrong(f"{key!r} is missing")
        return found

    def _refused(self, key: str, found: object, expected: str) -> UsageError:
        return self.wrong(f"{key} is {found!r}, expected {expected}")


def _range_of(what: str, low: float, high: float) -> str:
    return f"{what} from {low:g} up" if high == math.inf else f"{what} from {low:g} to {high:g}"
