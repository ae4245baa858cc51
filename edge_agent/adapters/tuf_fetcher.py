"""Fetches metadata for python-tuf, and gives up on servers which send next to nothing for ever."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient import FetcherInterface

from edge_agent.adapters.web import tls_to

__all__ = ["TufFetcher"]

_SILENCE_S: Final = 10.0
_LONGEST_S: Final = 30.0
_BLOCK_BYTES: Final = 1 << 14


class TufFetcher(FetcherInterface):
    """Fetches over HTTP within a time, however slowly the server sends.

    Args:
        ca_file: Certificates to trust over HTTPS; ``None`` for the system's.
    """

    def __init__(self, ca_file: str | None = None) -> None:
        self._ca_file = ca_file

    def _fetch(self, url: str) -> Iterator[bytes]:
        began_s = time.monotonic()
        request = urllib.request.Request(url, headers={"User-Agent": "edgefleet"})  # noqa: S310  the operator's URL
        try:
            tls = tls_to(url, self._ca_file)
            with urllib.request.urlopen(request, timeout=_SILENCE_S, context=tls) as reply:  # noqa: S310
                while block := reply.read1(_BLOCK_BYTES):
                    if time.monotonic() - began_s > _LONGEST_S:
                        raise SlowRetrievalError(f"{url} takes more than {_LONGEST_S:g} s")
                    yield block
        except urllib.error.HTTPError as error:
            raise DownloadHTTPError(f"{url} answers {error.code}", error.code) from error
        except (OSError, ValueError) as error:
            raise DownloadError(f"{url}: {error}") from error
