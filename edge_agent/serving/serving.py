"""Runs a server: in the main thread until a signal, or beside an application's own work."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Final, Self

from edge_agent.serving.server import Address, ServeOptions, Server
from edge_agent.serving.service import Served
from edge_contract.errors import EdgeError, UnavailableError

__all__ = ["Serving", "serve"]

_log = logging.getLogger("edgefleet.agent")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def serve(
    agent: Served, options: ServeOptions, *, on_ready: Callable[[Address | None], None]
) -> None:
    """Serve an agent until SIGTERM or Ctrl-C, then let what is under way end.

    To be called in the main thread.

    Args:
        agent: What is served; it stays open.
        options: See :class:`ServeOptions`.
        on_ready: Is told where HTTP is spoken.

    Raises:
        UnavailableError: An address is taken.
    """

    async def main() -> None:
        server = Server(agent, options)
        on_ready(await server.start())
        loop = asyncio.get_running_loop()

        def leave(number: int, _frame: FrameType | None) -> None:
            _log.info("leaving: signal %d", number)
            loop.call_soon_threadsafe(server.stop)

        before = [(number, signal.signal(number, leave)) for number in _SIGNALS]
        try:
            await server.run()
        finally:
            for number, handler in before:
                signal.signal(number, handler)

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())


class Serving:
    """A server on a thread of its own, for use in a ``with`` block beside other work.

    ::

        with Agent("digits.modelpkg") as agent, Serving(agent, options) as serving:
            print(serving.address)

    Args:
        agent: What is served; close it afterwards.
        options: See :class:`ServeOptions`.

    Raises:
        UnavailableError: An address is taken.
    """

    def __init__(self, agent: Served, options: ServeOptions) -> None:
        self._agent = agent
        self._options = options
        self._started = threading.Event()
        self._failure: EdgeError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        self.address: Address | None = None
        """Where HTTP is spoken."""
        self._thread = threading.Thread(target=self._run, name="edgefleet-serving", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Let what is under way end, then stop. Idempotent."""
        if self._loop is not None and self._server is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._server.stop)
        self._thread.join()

    def __enter__(self) -> Self:
        """Return the server."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self.close()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._main())
        except EdgeError as error:
            self._failure = error
        except Exception as error:  # noqa: BLE001  whoever started it is told
            _log.exception("a defect in serving: the server has ended")
            self._failure = UnavailableError(f"the server has ended: {error}")
        finally:
            self._started.set()

    async def _main(self) -> None:
        self._server = Server(self._agent, self._options)
        self._loop = asyncio.get_running_loop()
        self.address = await self._server.start()
        self._started.set()
        await self._server.run()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return how to make the quickest loop there is; ``None`` for Python's own."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        return None
    return uvloop.new_event_loop
