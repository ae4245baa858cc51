"""An agent as a service: tells the service manager how it is, and leaves in time when asked to."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import typer

from edge_agent import restarting
from edge_agent.adapters.systemd import ServiceManager

if TYPE_CHECKING:
    from edge_agent.agent import Agent

__all__ = ["LEAVE_S", "leaving_on_sigterm", "watched"]

LEAVE_S: Final = 5.0
"""A process that was asked to end is gone after that, whatever holds it up."""

_DRAIN_S: Final = 1.0
_MARGIN_S: Final = 0.3

_log = logging.getLogger("edgefleet.agent")


class _Leave(KeyboardInterrupt):
    """Somebody asked the process to end, as a service manager does."""


@contextlib.contextmanager
def leaving_on_sigterm() -> Iterator[None]:
    """Let the block end in good order on SIGTERM, and the process with it, within five seconds.

    Where the cloud asked for a restart, the process begins anew, with the same arguments.

    What is saved survives in any case: an end that is not in order is a crash to the next start.
    """
    is_over = threading.Event()

    def leave(_signal: int, _frame: object) -> None:
        _end_soon(is_over)
        raise _Leave

    before = signal.signal(signal.SIGTERM, leave)
    wanted = threading.Event()

    def begin_anew() -> None:
        wanted.set()
        _ask_to_leave()

    try:
        with restarting.allowed(begin_anew):
            yield
    except _Leave:
        if wanted.is_set():
            _log.info("starting anew, as the cloud asked")
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  ourselves
        raise typer.Exit(0) from None
    finally:
        is_over.set()
        signal.signal(signal.SIGTERM, before)


def _ask_to_leave() -> None:
    """Let the main thread see SIGTERM, whatever thread this is."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGTERM)
    else:
        signal.raise_signal(signal.SIGTERM)


def _end_soon(is_over: threading.Event) -> None:
    """End the process in five seconds unless it was over before."""
    threading.Thread(target=_end, args=(is_over,), name="leaving", daemon=True).start()


def _end(is_over: threading.Event) -> None:
    if not is_over.wait(LEAVE_S - _MARGIN_S):
        _log.warning("could not leave in good order within %.0f s; the next start counts", LEAVE_S)
        logging.shutdown()
        os._exit(1)


@contextlib.contextmanager
def watched(agent: "Agent", manager: ServiceManager) -> Iterator[None]:
    """Give the service manager signs of life while the block runs and the agent's thread answers.

    At the end the agent is closed, a bit quicker than by itself; if that hangs, the process ends.
    """
    ended = threading.Event()
    interval_s = manager.watchdog_s
    if interval_s is not None:
        args = (agent, manager, interval_s / 3, ended)
        threading.Thread(target=_give_signs, args=args, name="watchdog", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        manager.stopping()
        is_over = threading.Event()
        _end_soon(is_over)
        agent.close(drain_s=_DRAIN_S)
        is_over.set()


def _give_signs(
    agent: "Agent", manager: ServiceManager, every_s: float, ended: threading.Event
) -> None:
    while True:
        if agent.is_responsive(timeout_s=every_s):
            manager.alive()
        else:
            _log.warning("the agent's thread has not answered for %.1f s", every_s)
        if ended.wait(every_s):
            return
