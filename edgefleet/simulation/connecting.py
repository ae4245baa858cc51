"""Opens connections on a few threads, so that a slow handshake holds up nobody else."""

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from edge_agent.ports import LinkOptions
from edge_contract.messages.broker_url import BrokerUrl
from edgefleet.simulation.light_link import LightLink, LinkUser

__all__ = ["Connector"]

_THREADS: Final = 8
_HANDSHAKE_S: Final = 10.0


class Connector:
    """Makes links.

    Args:
        url: Of the broker.
        username: ``None`` if it asks for none.
        password: Goes with it.
        tls: How to encrypt; ``None`` for not at all.
        tell: Takes what is to be done on the crowd's thread; any thread may call it.
    """

    def __init__(
        self,
        url: BrokerUrl,
        username: str | None,
        password: str | None,
        tls: ssl.SSLContext | None,
        tell: Callable[[Callable[[float], None]], None],
    ) -> None:
        self._url = url
        self.username = username
        self.password = password
        self._tls = tls
        self._tell = tell
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="connecting")

    @property
    def url(self) -> str:
        """The broker's."""
        return str(self._url)

    def open(
        self,
        options: LinkOptions,
        user: LinkUser,
        *,
        forget: Callable[[int], None],
        done: Callable[[LightLink, str, float], None],
    ) -> None:
        """Open a connection; ``done`` gets the link, why it failed if it did, and the time."""
        link = LightLink(self._url, options, tls=self._tls, user=user, forget=forget)

        def attempt() -> None:
            reason = ""
            try:
                link.connect(_HANDSHAKE_S)
            except (OSError, ValueError) as error:  # a broker without WebSocket's answer as well
                reason = f"cannot reach {self._url}: {error}"
            self._tell(lambda now_s: done(link, reason, now_s))

        self._threads.submit(attempt)

    def close(self) -> None:
        """End the threads; attempts that have not begun are left out."""
        self._threads.shutdown(cancel_futures=True)
