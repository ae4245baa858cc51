"""Webhooks: signed messages over HTTP to whoever shall act, sent again until they are taken.

The receiver checks ``X-Edgefleet-Signature: sha256=HEX``: HMAC-SHA256 with the shared secret over
``TIMESTAMP.BODY``, where the timestamp stands in ``X-Edgefleet-Timestamp``. A message keeps its
``X-Edgefleet-Delivery`` however often it is sent, so that what came twice can be told.
"""

import hashlib
import hmac
import threading
import time
from dataclasses import dataclass

import httpx
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_exponential_jitter,
)

from edge_contract.errors import UnavailableError, UsageError

__all__ = ["Delivery", "WebhookSender", "signature_of"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message.

    Attributes:
        delivery_id: The same however often it is sent.
        url: To whom.
        body: JSON.
        secret: Shared with the receiver.
    """

    delivery_id: str
    url: str
    body: bytes
    secret: bytes


def signature_of(body: bytes, *, timestamp: str, secret: bytes) -> str:
    """Return the signature of a body that is sent at a time."""
    signed = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


class WebhookSender:
    """Sends messages one by one; a thread of its own waits for it.

    Args:
        patience_s: How long one message is tried.
        first_wait_s: Between the first and the second try; doubled from then on.
        timeout_s: For one try.
    """

    def __init__(
        self, *, patience_s: float = 3600.0, first_wait_s: float = 1.0, timeout_s: float = 10.0
    ) -> None:
        self._patience_s = patience_s
        self._first_wait_s = first_wait_s
        self._closing = threading.Event()
        self._http = httpx.Client(timeout=timeout_s, follow_redirects=False)

    def send(self, delivery: Delivery) -> int:
        """Send until it is taken; return how many tries that took.

        Raises:
            UsageError: The receiver refuses it for good (4xx, except 408, 425 and 429), wants it
                elsewhere (3xx), or the address is none.
            UnavailableError: It was not taken in time.
        """
        attempts = 0
        retrying = Retrying(
            retry=retry_if_exception_type(UnavailableError),
            wait=wait_exponential_jitter(
                multiplier=self._first_wait_s, max=300.0, jitter=self._first_wait_s
            ),
            stop=stop_after_delay(self._patience_s) | stop_when_event_set(self._closing),
            sleep=sleep_using_event(self._closing),
        )
        try:
            for attempt in retrying:
                with attempt:
                    attempts += 1
                    self._try(delivery)
        except RetryError as error:
            reason = error.last_attempt.exception()
            raise UnavailableError(
                f"webhook {delivery.url!r} did not take it in {attempts} tries: {reason}"
            ) from error
        return attempts

    def close(self) -> None:
        """Give up what is under way, and close connections."""
        self._closing.set()
        self._http.close()

    def _try(self, delivery: Delivery) -> None:
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "X-Edgefleet-Delivery": delivery.delivery_id,
            "X-Edgefleet-Timestamp": timestamp,
            "X-Edgefleet-Signature": signature_of(
                delivery.body, timestamp=timestamp, secret=delivery.secret
            ),
        }
        if self._closing.is_set():
            raise UnavailableError("the cloud is stopping")
        try:
            # What it answers beyond the status is nobody's business, and may have no end.
            with self._http.stream(
                "POST", delivery.url, content=delivery.body, headers=headers
            ) as answer:
                status = answer.status_code
        except httpx.InvalidURL as error:
            raise UsageError(f"webhook {delivery.url!r} is no address: {error}") from error
        except httpx.HTTPError as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error
        if 200 <= status < 300:
            return
        if 300 <= status < 400:
            raise UsageError(
                f"webhook {delivery.url!r} sends on to another address ({status}), which nobody "
                "has vouched for: name that one"
            )
        if 400 <= status < 500 and status not in (408, 425, 429):
            raise UsageError(f"webhook {delivery.url!r} refuses it: {status}")
        raise UnavailableError(f"it answers {status}")
