"""Whom an agent trusts when it fetches something over HTTPS."""

import ssl
from functools import lru_cache

from edge_contract.errors import UsageError

__all__ = ["tls_to"]


@lru_cache(8)
def _trusting(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise UsageError(f"cannot use the certificates in {ca_file!r}: {error}") from error


def tls_to(url: str, ca_file: str | None) -> ssl.SSLContext | None:
    """Return how to verify who answers at a URL; ``None`` for what is usual.

    Args:
        url: Where to.
        ca_file: Certificates to trust, in place of the system's; ``None`` for the system's.

    Raises:
        UsageError: The file cannot be used.
    """
    return _trusting(ca_file) if ca_file is not None and url.startswith("https:") else None
