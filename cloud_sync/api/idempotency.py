"""Orders that may be sent again: with an ``Idempotency-Key`` an order is carried out once.

Whoever loses the connection before the answer sends the same order with the same key, and gets the
answer that the first one got, also after the cloud was started anew. Answers are kept for a day.
"""

import hashlib
import re
import time
from collections.abc import Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud_sync.api.answering import IDENTITY
from cloud_sync.api.problems import ApiError, problem_response
from cloud_sync.core.access import Identity
from cloud_sync.core.kept_answers import AnswerKey, KeptAnswer
from cloud_sync.ports import AccessStore

__all__ = ["IDEMPOTENCY_KEY", "IdempotencyMiddleware"]

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

_KEPT_S: Final = 86_400.0
_PRUNE_S: Final = 3600.0
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}")
_KEPT_HEADERS: Final = ("content-type", "location")


class IdempotencyMiddleware:
    """ASGI middleware; it stands behind the guard, so that strangers fill no table.

    Args:
        app: What carries out orders.
        store: Where answers are kept.
        exempt: Addresses whose answers are not to be kept; the header means nothing there.
        clock: Gives Unix seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        store: AccessStore,
        exempt: tuple[str, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._store = store
        self._exempt = exempt
        self._clock = clock
        self._pruned_unix_s = clock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        given = Headers(scope=scope).get(IDEMPOTENCY_KEY) if scope["type"] == "http" else None
        if given is None or scope["method"] != "POST" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        try:
            key = _key_of(scope, given)
            body = await _body_of(receive)
            answer = await self._begun(key, _fingerprint(scope, body))
        except ApiError as error:
            response = problem_response(error.kind, error.detail, headers=error.headers)
            await response(scope, receive, send)
            return
        if answer.is_new:
            await self._carry_out(key, _Replayed(self._app, body), scope, send)
        else:
            await _send_again(answer, send)

    async def _begun(self, key: AnswerKey, fingerprint: str) -> KeptAnswer:
        """Claim the key; raises ``ApiError`` where it stands for another order."""
        now_unix_s = self._clock()
        answer = await run_in_threadpool(
            self._store.begin_answer, key, fingerprint=fingerprint, at_unix_s=now_unix_s
        )
        if now_unix_s > self._pruned_unix_s + _PRUNE_S:
            self._pruned_unix_s = now_unix_s
            await run_in_threadpool(self._store.prune_answers, now_unix_s - _KEPT_S)
        if answer.fingerprint != fingerprint:
            raise ApiError(
                "key-reused",
                f"key {key.key!r} came before with another order: take a new key for every order",
            )
        if not answer.is_new and not answer.status:
            raise ApiError(
                "under-way",
                f"the order with key {key.key!r} is under way, or was when the cloud stopped; look "
                "whether it was carried out before you give it again with another key",
            )
        return answer

    async def _carry_out(
        self, key: AnswerKey, order: "_Replayed", scope: Scope, send: Send
    ) -> None:
        """Let the app answer, and keep what it says; what failed here can be tried again."""
        status, headers, body = 500, Headers(), bytearray()

        async def send_kept(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], Headers(raw=message["headers"])
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    await self._keep(key, status, headers, bytes(body))
            await send(message)

        await order(scope, send_kept)

    async def _keep(self, key: AnswerKey, status: int, headers: Headers, body: bytes) -> None:
        if status >= 500:
            await run_in_threadpool(self._store.forget_answer, key)
            return
        kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
        answer = KeptAnswer("", 0.0, status, kept, body)
        await run_in_threadpool(self._store.finish_answer, key, answer)


class _Replayed:
    """An app with the body that was read before."""

    def __init__(self, app: ASGIApp, body: bytes) -> None:
        self._app = app
        self._body: bytes | None = body

    async def __call__(self, scope: Scope, send: Send) -> None:
        async def receive() -> Message:
            body, self._body = self._body, None
            if body is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive, send)


def _key_of(scope: Scope, given: str) -> AnswerKey:
    if _KEY.fullmatch(given) is None:
        raise ApiError(
            "malformed", f"{IDEMPOTENCY_KEY} must be 1 to 128 visible ASCII letters, got {given!r}"
        )
    identity: Identity | None = scope.get(IDENTITY)
    return AnswerKey("" if identity is None else identity.name, given)


async def _body_of(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body.extend(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def _fingerprint(scope: Scope, body: bytes) -> str:
    digest = hashlib.sha256()
    for part in (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


async def _send_again(answer: KeptAnswer, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
    headers += [
        (b"content-length", str(len(answer.body)).encode()),
        (b"idempotent-replayed", b"true"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
