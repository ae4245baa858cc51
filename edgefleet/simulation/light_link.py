"""One MQTT connection without a thread of its own: whoever has thousands of them turns them all."""

import contextlib
import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.ports import LinkOptions
from edge_contract.messages.broker_url import BrokerUrl

if TYPE_CHECKING:
    import ssl

    from paho.mqtt.client import SocketLike

__all__ = ["LightLink", "LinkUser"]

_MOST_UNCONFIRMED = 100


class LinkUser(Protocol):
    """Hears what happens on a link, on the thread that turns it."""

    def on_up(self, connecting_s: float) -> None:
        """Every subscription is confirmed, so long after the first packet."""
        ...

    def on_down(self, reason: str) -> None:
        """The connection is over."""
        ...

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message came."""
        ...


class LightLink:
    """One connection, from its making to its end; as the link of a real agent on the wire.

    Args:
        url: Of the broker.
        options: Who connects, and what is heard.
        tls: How to encrypt; ``None`` for a broker that does not.
        user: Hears what happens.
        forget: Is told the number of the socket before it is closed.
    """

    def __init__(
        self,
        url: BrokerUrl,
        options: LinkOptions,
        *,
        tls: "ssl.SSLContext | None",
        user: LinkUser,
        forget: Callable[[int], None],
    ) -> None:
        self._url = url
        self._options = options
        self._user = user
        self._began_s = 0.0
        self.is_up = False
        self._reason = "connection lost"
        self._early: list[tuple[str, bytes]] = []
        client = self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            transport="websockets" if url.is_websocket else "tcp",
            reconnect_on_failure=False,
        )
        client.max_inflight_messages = 0
        client.max_queued_messages = _MOST_UNCONFIRMED
        client.will_set(options.will_topic, options.will_payload, qos=1)
        client.username_pw_set(options.username, options.password)
        if tls is not None:
            client.tls_set_context(tls)
        if url.is_websocket:
            client.ws_set_options(path=url.path)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_socket_close = lambda _client, _userdata, sock: forget(sock.fileno())
        # With this hook set, paho leaves all writing to whoever turns the link.
        client.on_socket_register_write = lambda *_: None

    def connect(self, timeout_s: float) -> None:
        """Open the connection and ask to be let in; blocks, so call it on a thread of its own.

        Raises:
            OSError: The broker is out of reach.
        """
        self._began_s = time.monotonic()
        self._client.connect_timeout = timeout_s
        self._client.connect(self._url.host, self._url.port, self._options.keepalive_s)

    @property
    def socket(self) -> "SocketLike | None":
        """The socket; ``None`` when the connection is over."""
        return self._client.socket()

    @property
    def wants_write(self) -> bool:
        """Whether something waits for the socket to take it."""
        return self._client.want_write()

    def read(self) -> None:
        """Take up what came."""
        self._client.loop_read()
        while (sock := self._client.socket()) is not None and getattr(sock, "pending", int)() > 0:
            self._client.loop_read()

    def write(self) -> None:
        """Send what waits, as far as the socket takes it."""
        if self._client.want_write():
            self._client.loop_write()

    def keep_alive(self) -> None:
        """Show signs of life, and see whether the other side does; call it every few seconds."""
        self._client.loop_misc()

    def publish(self, topic: str, payload: bytes) -> bool:
        """Hand over a message at QoS 1; return whether it is on its way."""
        if not self.is_up:
            return False
        return self._client.publish(topic, payload, qos=1).rc == mqtt.MQTT_ERR_SUCCESS

    def drop(self) -> None:
        """Break the connection as a lost network would: the broker publishes the will."""
        self._reason = "the simulation broke the link"
        sock = self._client.socket()
        if sock is None:
            return
        # Below TLS and WebSocket, which would say goodbye; whoever turns the link reads the end.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(sock.fileno())) as raw:
            raw.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Leave in good order."""
        self._client.disconnect()
        self.write()

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        _flags: mqtt.ConnectFlags,
        reason_code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason_code.is_failure:
            self._reason = f"broker refused: {str(reason_code).lower()}"
            return
        client.subscribe([(topic, 0) for topic in self._options.subscriptions])

    def _on_subscribe(
        self,
        client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reason_codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        if any(code.is_failure for code in reason_codes):
            self._reason = "broker refused to let the device hear its topics"
            client.disconnect()
            return
        self.is_up = True
        self._user.on_up(time.monotonic() - self._began_s)
        for topic, payload in self._early:
            self._user.on_message(topic, payload)
        self._early.clear()

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        if self.is_up:
            self._user.on_message(message.topic, bytes(message.payload))
        else:  # some brokers send retained messages before they confirm the subscription
            self._early.append((message.topic, bytes(message.payload)))

    def _on_disconnect(self, *_: object) -> None:
        self.is_up = False
        self._user.on_down(self._reason)
