"""HTTP/1.1 for the service: one object per connection, on httptools, without a task per request."""

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from edge_agent.serving.answer import Answer, refused_answer
from edge_agent.serving.batching import Job
from edge_agent.serving.http_message import Incoming, written
from edge_agent.serving.listener import ClientLimits, Listener
from edge_agent.serving.refused import RefusedError
from edge_agent.serving.service import Call

__all__ = ["HttpConnection"]

_LINGER_S: Final = 1.0
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Exchange:
    """One request and the place of its answer in the order of the connection."""

    __slots__ = ("_connection", "data", "is_head", "is_last", "job")

    def __init__(self, connection: "HttpConnection", *, is_head: bool, is_last: bool) -> None:
        self._connection = connection
        self.is_head = is_head
        self.is_last = is_last
        self.data = b""
        self.job: Job | None = None

    def reply(self, answer: Answer) -> None:
        """Send the answer when those before it are sent."""
        self.data = written(answer, is_head=self.is_head, is_last=self.is_last)
        self.job = None  # it knows this exchange: without a cycle both go at once
        self._connection.flush()


class HttpConnection(asyncio.Protocol):
    """A client. Requests may be pipelined: answers go back in their order.

    Args:
        listener: Is told what comes.
        limits: See :class:`ClientLimits`.
        clock: Monotonic seconds.
    """

    def __init__(
        self, listener: Listener, limits: ClientLimits, *, clock: Callable[[], float]
    ) -> None:
        self._listener = listener
        self._limits = limits
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._parser = HttpRequestParser(self)
        self._exchanges: deque[_Exchange] = deque()
        self._is_deaf = False
        self._is_leaving = False
        self._is_paused = False
        self._is_stalled = False
        self._since_s = clock()
        self._in_head = self._in_message = False
        self._head_bytes = 0
        self._incoming = Incoming()

    # For whoever accepts connections.

    def leave(self) -> None:
        """Close as soon as nothing is under way."""
        self._is_leaving = True
        if not self._exchanges and not self._in_message:
            self._close()
        for exchange in self._exchanges:
            exchange.is_last = exchange is self._exchanges[-1]

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    def look(self, now_s: float) -> None:
        """Close if the client is silent or too slow; to be called now and then."""
        waited_s = now_s - self._since_s
        if self._is_stalled and waited_s > self._limits.request_s:
            self.abort()
        elif self._in_message and waited_s > self._limits.request_s:
            text = f"the request did not arrive whole within {self._limits.request_s:.0f} s"
            self._refuse(RefusedError(HTTPStatus.REQUEST_TIMEOUT, text))
        elif not self._exchanges and not self._in_message and waited_s > self._limits.idle_s:
            self._close()

    # asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's are of no such class
        reason = self._listener.joined(self)
        if reason:
            self._refuse(RefusedError.not_now(reason))

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone; nobody waits for what is under way."""
        self._is_deaf = True
        for exchange in self._exchanges:
            if exchange.job is not None:
                exchange.job.is_over = True
        self._exchanges.clear()
        self._transport = None
        self._listener.left(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        if self._is_deaf:
            return
        incoming = self._incoming
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:  # HTTP goes on instead: the request has been answered by now
            self.leave()
        except HttpParserError as error:
            self._refuse(RefusedError.bad(f"this is no HTTP request: {error}"))
            return
        if self._in_head and self._incoming is incoming:  # nothing is told before a header ends
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self._head_too_large()

    def pause_writing(self) -> None:
        """The client does not take its answers: take no more of its requests."""
        self._is_stalled = True
        self._since_s = self._clock()
        self._pause()

    def resume_writing(self) -> None:
        """The client takes its answers."""
        self._is_stalled = False
        self._resume()

    # httptools.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._incoming = Incoming()
        self._head_bytes = 0
        self._in_message = self._in_head = True
        self._since_s = self._clock()

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._incoming.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._incoming.add_header(name, value)

    def on_headers_complete(self) -> None:
        """All headers are there."""
        self._in_head = False
        incoming = self._incoming
        if incoming.length > self._limits.body_bytes:
            self._too_large()
        elif incoming.head_bytes + len(incoming.url) > self._limits.head_bytes:
            self._head_too_large()
        elif incoming.refused is not None:
            self._refuse(incoming.refused)
        elif incoming.expects and self._transport is not None and not self._exchanges:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._is_deaf:
            return
        self._incoming.add_body(body)
        if self._incoming.body_bytes > self._limits.body_bytes:
            self._too_large()

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self._is_deaf:
            return
        self._in_message = False
        self._since_s = self._clock()
        incoming = self._incoming
        method = self._parser.get_method().decode("latin-1")
        is_last = self._is_leaving or not self._parser.should_keep_alive()
        exchange = _Exchange(self, is_head=method == "HEAD", is_last=is_last)
        self._exchanges.append(exchange)
        if len(self._exchanges) >= self._limits.pipelined:
            self._pause()
        if is_last:
            self._is_deaf = True
        call = Call("http", method, incoming.path, incoming.body, incoming.header_bytes)
        exchange.job = self._listener.handle(call, exchange.reply)

    # Inside.

    def flush(self) -> None:
        """Send the answers that are next in order."""
        transport = self._transport
        while self._exchanges and self._exchanges[0].data:
            exchange = self._exchanges.popleft()
            if transport is None:
                continue
            transport.write(exchange.data)
            if exchange.is_last or (self._is_leaving and not self._exchanges):
                self._exchanges.clear()
                self._close()
                return
        if self._is_paused and not self._is_stalled:
            self._resume()

    def _too_large(self) -> None:
        text = f"the body has more than {self._limits.body_bytes} bytes: send fewer rows at once"
        self._refuse(RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text))

    def _head_too_large(self) -> None:
        text = f"the headers have more than {self._limits.head_bytes} bytes"
        self._refuse(RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, text))

    def _refuse(self, error: RefusedError) -> None:
        """Answer with an error after what is under way, and hear nothing more."""
        if self._is_deaf:
            return
        self._is_deaf = True
        self._in_message = False
        exchange = _Exchange(self, is_head=False, is_last=True)
        self._exchanges.append(exchange)
        exchange.reply(refused_answer(error))

    def _pause(self) -> None:
        if self._transport is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._transport is not None and len(self._exchanges) < self._limits.pipelined:
            self._is_paused = False
            self._transport.resume_reading()

    def _close(self) -> None:
        """Say that nothing more is sent; close when the client has seen it, or soon.

        Closed at once with bytes unread, the client might lose the answer that says what is wrong.
        """
        transport = self._transport
        self._is_deaf = True
        if transport is None or transport.is_closing():
            return
        if transport.can_write_eof():
            transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, transport.close)
