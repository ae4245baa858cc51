"""Server-sent events: one message whenever anything that the API shows has changed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.concurrency import run_in_threadpool

from edge_contract.errors import UnavailableError

__all__ = ["RevisionFeed"]

_RECONNECT_MS: Final = 2000


class RevisionFeed:
    """Streams of revision numbers, one per listener.

    A listener gets the present number at once, so that after a broken connection it knows whether
    it missed anything.

    Args:
        revision: Of the backend; called in a thread, about ``1 / poll_s`` times a second and
            listener.
        poll_s: How soon a change is told.
        keep_alive_s: How often an idle stream carries a comment, so that nothing between the
            two sides takes it for dead.
    """

    def __init__(
        self, revision: Callable[[], int], *, poll_s: float = 0.25, keep_alive_s: float = 15.0
    ) -> None:
        self._revision = revision
        self._poll_s = poll_s
        self._keep_alive_s = keep_alive_s
        self._closed = False
        self._listeners = 0

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return self._listeners

    def close(self) -> None:
        """End all streams within ``poll_s``; callable from any thread."""
        self._closed = True

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield messages until :meth:`close` or until the listener goes away."""
        self._listeners += 1
        try:
            async for message in self._messages():
                yield message
        finally:
            self._listeners -= 1

    async def _messages(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        told: int | None = None
        spoke_s = loop.time()
        yield f"retry: {_RECONNECT_MS}\n\n".encode()
        while not self._closed:
            revision = await self._read()
            if revision is not None and revision != told:
                told, spoke_s = revision, loop.time()
                yield f"id: {revision}\nevent: revision\ndata: {revision}\n\n".encode()
            elif loop.time() - spoke_s >= self._keep_alive_s:
                spoke_s = loop.time()
                yield b": still here\n\n"
            await asyncio.sleep(self._poll_s)

    async def _read(self) -> int | None:
        try:
            return await run_in_threadpool(self._revision)
        except UnavailableError:  # the stream outlives a database that is gone for a moment
            return None
