"""The post of the policy desk: webhooks on their way, and the record of what became of them."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from cloud_sync.adapters.webhooks import Delivery, WebhookSender
from cloud_sync.core.policies import Action
from edge_contract.errors import EdgeError, UsageError
from edge_contract.reading import JsonObject

__all__ = ["PolicyPost", "secret_of"]

_log = logging.getLogger("edgefleet.cloud")

_AT_A_TIME: Final = 4
"""Messages under way to one receiver."""


class PolicyPost:
    """Sends webhooks on threads of its own; a receiver that is deaf delays no other.

    Args:
        sender: Tries one message until it is taken.
        note: Writes down an action, its subject and details.
    """

    def __init__(
        self, sender: WebhookSender, *, note: Callable[[str, str, JsonObject], None]
    ) -> None:
        self._sender = sender
        self._note = note
        self._closing = threading.Event()
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def send(self, delivery_id: str, body: str, action: Action) -> None:
        """Send a message; what becomes of it is noted when it is known.

        Raises:
            UsageError: Its secret is not set.
        """
        delivery = Delivery(delivery_id, action.url, body.encode(), secret_of(action))
        if action.url not in self._threads:
            self._threads[action.url] = ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="webhook")
        self._threads[action.url].submit(self._send, delivery)

    def close(self) -> None:
        """End; what was not taken is noted nowhere, so it is owed at the next start."""
        self._closing.set()
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
        self._sender.close()

    def _send(self, delivery: Delivery) -> None:
        try:
            attempts = self._sender.send(delivery)
        except EdgeError as error:
            if self._closing.is_set():
                return
            refused = isinstance(error, UsageError)
            action = "policy.refused" if refused else "policy.undelivered"
            self._note(action, delivery.delivery_id, {"reason": str(error)})
            _log.warning("%s", error)
        except Exception:  # noqa: BLE001  nobody looks at what becomes of the thread's work
            _log.exception("a defect in webhooks: %s is not delivered", delivery.delivery_id)
        else:
            self._note("policy.delivered", delivery.delivery_id, {"attempts": attempts})


def secret_of(action: Action) -> bytes:
    """Return the secret that a webhook is signed with; ``UsageError`` if it is not set."""
    secret = os.environ.get(action.secret_env, "")
    if not secret:
        raise UsageError(
            f"webhook {action.url!r} is signed with {action.secret_env}, which is not set: "
            "set it in the cloud's environment"
        )
    return secret.encode()
