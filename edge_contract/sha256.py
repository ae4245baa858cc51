"""SHA-256 without OpenSSL, which takes longer to load than a small model, unless there is much.

The standard library's own ``random`` takes the same lean modules first, for the same reason.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from hashlib import _Hash

    _Make: TypeAlias = Callable[[bytes], _Hash]

__all__ = ["sha256"]

_MUCH_BYTES: Final = 1_000_000
"""From here on what OpenSSL does quicker makes up for loading it."""


def sha256(data: bytes) -> "_Hash":
    """Return the hash object of some bytes, as ``hashlib.sha256`` does."""
    return _make(data) if len(data) < _MUCH_BYTES else _openssl()(data)


def _openssl() -> "_Make":
    import hashlib

    return hashlib.sha256


def _lean() -> "_Make":
    """Return the interpreter's own, wherever this version has it."""
    for name in ("_sha2", "_sha256"):  # of Python 3.12 and later, and of those before
        try:
            return __import__(name).sha256  # type: ignore[no-any-return]
        except (ImportError, AttributeError):
            continue
    return _openssl()


_make: Final = _lean()
