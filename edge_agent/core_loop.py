"""The core's thread: takes inputs from any thread and hands them to the core one at a time."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from edge_agent.adapters.process_memory import brief_turns
from edge_agent.core.agent import AgentCore
from edge_agent.core.effects import Effect
from edge_contract.errors import EdgeError

__all__ = ["CoreLoop", "Input"]

_log = logging.getLogger("edgefleet.agent")

_WATCH_S: Final = 0.25  # how often the calls of a version on trial are looked at
_LONGEST_WAIT_S: Final = 3600.0  # queues refuse to wait for thousands of years
_REST_S: Final = 0.5  # after a defect that the clock brings about again at once

Input: TypeAlias = Callable[[float], Sequence[Effect]]
"""Something that happens, as a call of the core; it gets the monotonic time."""


class CoreLoop:
    """Runs one core.

    Args:
        core: What decides.
        carry_out: Does what it asks for.
        watch: Is an input whenever anything happens, and often while a version is on trial.
    """

    def __init__(
        self, core: AgentCore, *, carry_out: Callable[[Iterable[Effect]], None], watch: Input
    ) -> None:
        self._core = core
        self._carry_out = carry_out
        self._watch = watch
        self._inputs: queue.SimpleQueue[Input | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="edgefleet-agent", daemon=True)

    @property
    def is_this_thread(self) -> bool:
        """Whether the caller is the core's thread itself."""
        return threading.current_thread() is self._thread

    def start(self) -> None:
        """Begin to take inputs, those included that were put before."""
        self._thread.start()

    def put(self, given: Input) -> None:
        """Hand the core an input soon."""
        self._inputs.put(given)

    def drain(self, timeout_s: float | None = None) -> bool:
        """Wait until everything that was put before is carried out; return whether it is."""
        done = threading.Event()

        def reached(_now_s: float) -> Sequence[Effect]:
            done.set()
            return []

        self.put(reached)
        return done.wait(timeout_s)

    def close(self) -> None:
        """End the thread after what was put before."""
        self._inputs.put(None)
        self._thread.join()

    def attempt(self, given: Input) -> bool:
        """Hand the core an input now; return whether it went well.

        For the thread that starts the loop, before it does.
        """
        try:
            effects = given(time.monotonic())
        except EdgeError as error:
            _log.warning("%s", error)
        except Exception:  # noqa: BLE001  whatever it is, the model must go on serving
            _log.exception("a defect in the agent: this input is lost, predictions go on")
        else:
            self._carry_out(effects)
            return True
        return False

    def _run(self) -> None:
        rest_s = 0.0
        while True:
            longest_s = _WATCH_S if self._core.deployers.on_trial else _LONGEST_WAIT_S
            wait_s = min(max(self._core.wake_at_s - time.monotonic(), rest_s), longest_s)
            try:
                given = self._inputs.get(timeout=wait_s)
            except queue.Empty:
                given = _nothing
            if given is None:
                return
            with brief_turns():  # those who predict go first
                self.attempt(given)
                self.attempt(self._watch)
                rest_s = 0.0
                if time.monotonic() >= self._core.wake_at_s:
                    is_well = self.attempt(lambda now_s: self._core.on_timer(now_s, time.time()))
                    rest_s = 0.0 if is_well else _REST_S


def _nothing(_now_s: float) -> Sequence[Effect]:
    """Let time pass."""
    return []
