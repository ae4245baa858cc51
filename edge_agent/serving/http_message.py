"""One HTTP request while it arrives, and one answer as it is written."""

from http import HTTPStatus
from typing import Final

from edge_agent.serving.answer import Answer
from edge_agent.serving.refused import RefusedError

__all__ = ["Incoming", "written"]

_HEAD_OF: Final = {status: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_MAX_DIGITS: Final = 18
_HEARD: Final = frozenset(
    (
        *(b"content-length", b"inference-header-content-length", b"content-encoding"),
        *(b"origin", b"expect"),
    )
)


class Incoming:
    """What has arrived of a request.

    Attributes:
        url: Its address.
        length: Of the body, where a header says so; -1 if that is nonsense.
        header_bytes: How long the JSON in it is, where a header says so; -1 if that is nonsense.
        refused: Why it will not be answered.
        expects: Whether the client waits for a word before it sends the body.
        head_bytes: How much of the headers is here.
    """

    __slots__ = ("_body", "expects", "head_bytes", "header_bytes", "length", "refused", "url")

    def __init__(self) -> None:
        self.url = b""
        self.length = 0
        self.header_bytes: int | None = None
        self.refused: RefusedError | None = None
        self.expects = False
        self._body: bytes | bytearray = b""
        self.head_bytes = 0

    @property
    def path(self) -> str:
        """The address without its question."""
        return self.url.partition(b"?")[0].decode("latin-1")

    @property
    def body_bytes(self) -> int:
        """How much of the body is here."""
        return len(self._body)

    @property
    def body(self) -> bytes:
        """What is here of the body."""
        return bytes(self._body)

    def add_body(self, body: bytes) -> None:
        """Add a piece of the body."""
        if not self._body:
            self._body = body
        elif isinstance(self._body, bytes):
            self._body = bytearray(self._body + body)
        else:
            self._body += body

    def add_header(self, name: bytes, value: bytes) -> None:
        """Take note of a header, if it matters here."""
        self.head_bytes += len(name) + len(value)
        name = name.lower()
        if name not in _HEARD:
            return
        match name:
            case b"content-length":
                self.length = _number(value)
            case b"inference-header-content-length":
                self.header_bytes = _number(value)
            case b"content-encoding" if value.strip().lower() not in (b"", b"identity"):
                text = "bodies are taken uncompressed only"
                self.refused = RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
            case b"origin":
                text = "web pages may not use this server"
                self.refused = RefusedError(HTTPStatus.FORBIDDEN, text)
            case b"expect":
                self.expects = value.strip().lower() == b"100-continue"


def written(answer: Answer, *, is_head: bool, is_last: bool) -> bytes:
    """Return an answer as HTTP.

    Args:
        answer: The answer.
        is_head: Whether only its headers were asked for.
        is_last: Whether the connection ends with it.
    """
    head = (
        f"{_HEAD_OF[answer.status]}content-type: {answer.media_type}\r\n"
        f"content-length: {len(answer.body)}\r\n"
    )
    if answer.header_bytes is not None:
        head += f"inference-header-content-length: {answer.header_bytes}\r\n"
    if answer.retry_after_s is not None:
        head += f"retry-after: {answer.retry_after_s}\r\n"
    if answer.allow:
        head += f"allow: {answer.allow}\r\n"
    if is_last:
        head += "connection: close\r\n"
    data = (head + "\r\n").encode()
    return data if is_head else data + answer.body


def _number(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) <= _MAX_DIGITS else -1
