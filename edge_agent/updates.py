"""What an application says about updates: not now, or now. From any thread."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from edge_agent.core.agent import AgentCore
from edge_agent.core.commands import Action
from edge_agent.core.effects import Effect
from edge_agent.core_loop import CoreLoop, Input
from edge_contract.errors import UnavailableError, UsageError

__all__ = ["Updates"]

_PATIENCE_S: Final = 30.0


class Updates:
    """Asks the core's thread, and waits until it has done what it was asked.

    Args:
        core: What decides.
        loop: Its thread.
    """

    def __init__(self, core: AgentCore, loop: CoreLoop) -> None:
        self._core = core
        self._loop = loop
        self._closed = False

    @contextlib.contextmanager
    def hold(self, reason: str) -> Iterator[None]:
        """Let no version take over from another within the block.

        Raises:
            UsageError: The agent is closed, or this is its own thread.
            UnavailableError: Its thread does not answer.
        """
        try:
            self._ask(lambda now_s: self._core.on_hold(reason, now_s), "hold updates")
        except UnavailableError:
            self._let_go(reason)  # it comes after the hold, whenever that is
            raise
        try:
            yield
        finally:
            self._let_go(reason)

    def ready(self) -> dict[str, str]:
        """Return the versions that wait to serve, by model; raises as :meth:`hold` does."""
        found: dict[str, str] = {}

        def look(_now_s: float) -> Sequence[Effect]:
            found.update(self._core.deployers.updates_ready())
            return []

        self._ask(look, "ask for updates")
        return found

    def install(self) -> dict[str, str]:
        """Let the versions that wait begin, and return them; raises as :meth:`hold` does."""
        found: dict[str, str] = {}

        def begin(now_s: float) -> Sequence[Effect]:
            found.update(self._core.deployers.updates_ready())
            return self._core.install_update(now_s)

        self._ask(begin, "install updates")
        return found

    def add_command(self, name: str, action: Action) -> None:
        """Know one more command.

        Raises:
            UsageError: Its name is none or is taken, or see :meth:`hold`.
            UnavailableError: See :meth:`hold`.
        """
        refused: list[UsageError] = []

        def add(_now_s: float) -> Sequence[Effect]:
            try:
                self._core.add_command(name, action)
            except UsageError as error:
                refused.append(error)
            return []

        self._ask(add, f"add command {name!r}")
        if refused:
            raise refused[0]

    def close(self) -> None:
        """Take no more orders: the agent leaves."""
        self._closed = True

    def _let_go(self, reason: str) -> None:
        self._loop.put(lambda now_s: self._core.on_release(reason, now_s))

    def _ask(self, given: Input, doing: str) -> None:
        if self._closed:
            raise UsageError(f"cannot {doing}: agent {self._core.config.device!r} is closed")
        if self._loop.is_this_thread:
            raise UsageError(
                f"cannot {doing} on the agent's own thread, which would wait for itself: "
                "do it on another one"
            )
        self._loop.put(given)
        if not self._loop.drain(_PATIENCE_S):
            raise UnavailableError(
                f"cannot {doing}: the agent's thread has not answered for {_PATIENCE_S:.0f} s; "
                "its disk may be stuck"
            )
