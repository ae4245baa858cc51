"""A connection to a broker that comes back for ever: MQTT 3.1.1 over paho-mqtt.

Of a cluster any broker serves. Clients begin at different ones, by their ids, and whoever loses
one, or cannot reach it, tries the next.

This file is in ``edge_agent`` and in ``cloud_sync``; the copies differ in one import and a test
holds them together, because the two share no code that does I/O.
"""

import random
import threading
import zlib
from collections.abc import Iterable
from dataclasses import replace

from cloud_sync.adapters.mqtt_session import (
    GOODBYE_S,
    MqttHandler,
    MqttOptions,
    MqttSession,
    tls_context,
)
from edge_contract.errors import UsageError
from edge_contract.messages.broker_url import parse_broker_urls
from edge_contract.messages.reconnect import Reconnect

__all__ = ["MqttConnection"]


class MqttConnection:
    """Keeps one connection to a broker.

    Args:
        options: Where to connect, as whom, and what to hear.
        reconnect: How long to wait between attempts.

    Raises:
        UsageError: The URL is wrong, or the TLS files cannot be used with it.
    """

    def __init__(self, options: MqttOptions, *, reconnect: Reconnect | None = None) -> None:
        self._options = options
        self._urls = parse_broker_urls(options.url)
        self._turn = zlib.crc32(options.client_id.encode()) % len(self._urls)
        tls_context(self._urls[0], options)  # a wrong file is told now, not from the background
        self._reconnect = reconnect or Reconnect()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._session: MqttSession | None = None

    def start(self, handler: MqttHandler) -> None:
        """Return at once and connect in the background; raises ``UsageError`` if started before."""
        if self._thread is not None or self._closing.is_set():
            raise UsageError("a link can be started once: make a new one")
        self._thread = threading.Thread(
            target=self._run, args=(handler,), name=f"link-{self._options.client_id}", daemon=True
        )
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> bool:
        """Hand a message to the broker and return whether it is on its way.

        Never blocks. ``False`` while the connection is down or too much is on its way: nothing is
        kept. Raises ``UsageError`` for a topic that nothing can be published to.
        """
        session = self._session
        if session is None:
            return False
        return session.publish(topic, payload, retain=retain, qos=qos) is not None

    def hear(self, filters: Iterable[str]) -> None:
        """Subscribe to these from now on, and to nothing else; also after the next connect."""
        self._options = replace(self._options, subscriptions=tuple(filters))
        session = self._session
        if session is not None:
            session.hear(self._options.subscriptions)

    def close(self, *, farewell: tuple[str, bytes] | None = None) -> None:
        """Leave in good order, after up to two seconds for a last message. Idempotent.

        The broker does not publish the will. Afterwards the handler hears nothing more. Raises
        ``UsageError`` if the handler calls it.
        """
        if self._thread is threading.current_thread():
            raise UsageError("a link cannot be closed by its own handler: close it from outside")
        session = self._session
        if session is not None and farewell is not None and not self._closing.is_set():
            session.say_farewell(*farewell)
        self._closing.set()
        session = self._session  # it may have been lost and made again meanwhile
        if session is not None:
            session.wake()
        if self._thread is not None:
            # A thread that still waits for a silent host ends by itself, and tells nobody.
            self._thread.join(GOODBYE_S + 1.0)

    def _run(self, handler: MqttHandler) -> None:
        while not self._closing.is_set():
            url = self._urls[self._turn % len(self._urls)]
            self._turn += 1
            session = self._session = MqttSession(url, self._options, handler)
            session.hear(self._options.subscriptions)  # they may have changed while it was made
            reason = session.run(self._closing)
            if self._closing.is_set():
                return
            retry = self._reconnect.after(
                reason,
                up_s=session.up_s,
                jitter=random.random(),  # noqa: S311  spreads the fleet, guards nothing
                broker=str(url),
            )
            if retry.is_news:
                handler.on_disconnected(reason)
            self._closing.wait(retry.wait_s)
