"""Frames for the service: one object per client of the Unix socket."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from edge_agent.serving.answer import Answer, refused_answer
from edge_agent.serving.frames import Frame, FrameReader, Purpose
from edge_agent.serving.refused import RefusedError
from edge_agent.serving.request import json_object
from edge_agent.serving.service import Call
from edge_contract.errors import MessageError

if TYPE_CHECKING:
    from edge_agent.serving.batching import Job
    from edge_agent.serving.listener import ClientLimits, Listener

__all__ = ["SocketConnection"]

_WAY: Final = "socket"
_READY: Final = ("GET", "/v2/health/ready")
_PURPOSES: Final = frozenset(Purpose)


class SocketConnection(asyncio.Protocol):
    """A client of the Unix socket. Answers go back as they are ready.

    Args:
        listener: Is told what comes.
        limits: See :class:`ClientLimits`.
        models: Names of the models that are served. Where there are several, a request says in
            its JSON as ``model_name`` which one it is about.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        listener: "Listener",
        limits: "ClientLimits",
        *,
        models: Sequence[str],
        clock: Callable[[], float],
    ) -> None:
        self._listener = listener
        self._limits = limits
        self._clock = clock
        self._reader = FrameReader(limits.body_bytes)
        self._models = models
        self._targets = {model: _targets(model) for model in models}
        self._transport: asyncio.Transport | None = None
        self._jobs: dict[int, Job | None] = {}
        self._since_s = clock()
        self._is_deaf = self._is_leaving = self._is_stalled = self._is_paused = False

    # For whoever accepts connections.

    def leave(self) -> None:
        """Close as soon as nothing is under way."""
        self._is_leaving = True
        if not self._jobs:
            self._close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    def look(self, now_s: float) -> None:
        """Close if the client is too slow; one that is silent may stay: it is of this machine."""
        is_slow = self._is_stalled or not self._reader.is_between
        if is_slow and now_s - self._since_s > self._limits.request_s:
            self.abort()

    # asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's are of no such class
        reason = self._listener.joined(self)
        if reason:
            self._refuse(RefusedError.not_now(reason))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; nobody waits for what is under way."""
        for job in self._jobs.values():
            if job is not None:
                job.is_over = True
        self._jobs.clear()
        self._transport = None
        self._listener.left(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        if self._is_deaf:
            return
        if self._reader.is_between:
            self._since_s = self._clock()
        try:
            frames = self._reader.feed(data)
        except MessageError as error:
            self._refuse(RefusedError.bad(str(error)))
            return
        for frame in frames:
            self._answer(frame)
        if len(self._jobs) >= self._limits.pipelined:
            self._pause()

    def pause_writing(self) -> None:
        """The client does not take its answers: take no more of its requests."""
        self._is_stalled = True
        self._since_s = self._clock()
        self._pause()

    def resume_writing(self) -> None:
        """The client takes its answers."""
        self._is_stalled = False
        self._resume()

    # Inside.

    def _answer(self, frame: Frame) -> None:
        number = frame.number
        try:
            method, path = self._target(frame)
        except RefusedError as error:
            self._send(number, refused_answer(error))
            return

        def reply(answer: Answer) -> None:
            self._jobs.pop(number, None)
            self._send(number, answer)
            self._go_on()

        self._jobs[number] = None
        job = self._listener.handle(Call(_WAY, method, path, frame.body, frame.header_bytes), reply)
        if job is not None:
            self._jobs[number] = job

    def _target(self, frame: Frame) -> tuple[str, str]:
        """Return method and address that a frame stands for; raises ``RefusedError`` for none."""
        if frame.code not in _PURPOSES:
            raise RefusedError.bad(f"frame {frame.number} has the purpose {frame.code}")
        if frame.number in self._jobs:
            raise RefusedError.bad(
                f"frame {frame.number} has the number that is under way already {frame.number}"
            )
        if len(self._models) == 1:
            return self._targets[self._models[0]][frame.code]
        header = frame.body[: frame.header_bytes]
        model = json_object(header).get("model_name") if header else None
        if model is None and frame.code == Purpose.READY:
            return _READY
        found = self._targets.get(model) if isinstance(model, str) else None
        if found is None:
            raise RefusedError.bad(
                f"model_name is {model!r:.80}: name one of {', '.join(map(repr, self._models))}"
            )
        return found[frame.code]

    def _send(self, number: int, answer: Answer) -> None:
        if self._transport is not None:
            size = len(answer.body) if answer.header_bytes is None else answer.header_bytes
            self._transport.write(Frame(number, answer.status, answer.body, size).to_bytes())

    def _go_on(self) -> None:
        """Take more requests, or leave, after an answer."""
        if self._is_leaving and not self._jobs:
            self._close()
        elif self._is_paused and not self._is_stalled:
            self._resume()

    def _refuse(self, error: RefusedError) -> None:
        """Say what is wrong with the connection as a whole, and end it."""
        self._send(0, refused_answer(error))
        self._close()

    def _pause(self) -> None:
        if self._transport is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._transport is not None and len(self._jobs) < self._limits.pipelined:
            self._is_paused = False
            self._transport.resume_reading()

    def _close(self) -> None:
        self._is_deaf = True
        if self._transport is not None:
            self._transport.close()


def _targets(model: str) -> dict[int, tuple[str, str]]:
    """Return method and address by purpose."""
    at = f"/v2/models/{quote(model, safe='')}"
    return {
        Purpose.INFER: ("POST", f"{at}/infer"),
        Purpose.LABELS: ("POST", f"{at}/labels"),
        Purpose.METADATA: ("GET", at),
        Purpose.READY: ("GET", f"{at}/ready"),
    }
