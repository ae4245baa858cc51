"""Errors that every part raises.

The classes say *who has to act*; the message says what happened, to which thing, and what to do.

* :class:`EdgeError`
    * :class:`UsageError`: the caller of our API made a mistake (a bug on our side of the wire)
    * :class:`PeerError`: bytes from outside are wrong (a bug, a fault or an attack on the far side)
        * :class:`PackageError`: a model package cannot be trusted or used
        * :class:`MessageError`: a wire message cannot be decoded
    * :class:`UnavailableError`: nothing is wrong, try again later (no network, disk full, busy)
"""

__all__ = [
    "EdgeError",
    "MessageError",
    "PackageError",
    "PeerError",
    "UnavailableError",
    "UsageError",
]


class EdgeError(Exception):
    """Base class of all errors raised on purpose by this project."""


class UsageError(EdgeError):
    """The caller broke a rule of our API; retrying the same call fails again."""


class PeerError(EdgeError):
    """Data received from outside breaks the contract; it is dropped and reported, never retried."""


class PackageError(PeerError):
    """A model package is damaged, unsigned, or does not fit this device."""


class MessageError(PeerError):
    """A wire message cannot be decoded or has an unknown schema version."""


class UnavailableError(EdgeError):
    """A resource is out of reach now; the same call may succeed later."""
