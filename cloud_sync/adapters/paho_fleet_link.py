"""The cloud's link to the broker: MQTT 3.1.1 over paho-mqtt.

Its twin is ``edge_agent.adapters.paho_link``. Agent and cloud share no code that does I/O, so
what is mended here is mended there too; ``tests/ports/test_link.py`` runs on both.
"""

import contextlib
import random
import selectors
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud_sync.ports import FleetLinkHandler, FleetLinkOptions
from edge_contract.errors import UsageError
from edge_contract.messages.broker_url import BrokerUrl, parse_broker_url
from edge_contract.messages.reconnect import Reconnect

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

__all__ = ["PahoFleetLink"]

_MAX_UNCONFIRMED: Final = 1000  # messages on their way that the broker has not confirmed
_FAREWELL_S: Final = 2.0
_GOODBYE_S: Final = 1.0
_TURN_S: Final = 1.0
_SUBSCRIBE_QOS: Final = 1  # the broker holds back while we are busy, and repeats what it must
_READS_PER_TURN: Final = 8  # to read in vain costs less than to ask before each packet


class PahoFleetLink:
    """Keeps one connection to a broker; see :class:`cloud_sync.ports.FleetLink`.

    Args:
        options: Where to connect, as whom, and what to hear.
        reconnect: How long to wait between attempts.
        handshake_s: How long a broker may take to accept us and our subscriptions.

    Raises:
        UsageError: The URL is wrong, or the TLS files cannot be used with it.
    """

    def __init__(
        self,
        options: FleetLinkOptions,
        *,
        reconnect: Reconnect | None = None,
        handshake_s: float = 10.0,
    ) -> None:
        self._options = options
        self._url = parse_broker_url(options.url)
        _tls_context(self._url, options)  # a wrong file is told now, not from the background
        self._reconnect = reconnect or Reconnect()
        self._handshake_s = handshake_s
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._session: _Session | None = None

    def start(self, handler: FleetLinkHandler) -> None:
        """Connect in the background; see :meth:`cloud_sync.ports.FleetLink.start`."""
        if self._thread is not None or self._closing.is_set():
            raise UsageError("a link can be started once: make a new one")
        self._thread = threading.Thread(
            target=self._run, args=(handler,), name=f"link-{self._options.client_id}", daemon=True
        )
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Hand a message to the broker; see :meth:`cloud_sync.ports.FleetLink.publish`."""
        session = self._session
        return session is not None and session.publish(topic, payload, retain=retain) is not None

    def close(self, *, farewell: tuple[str, bytes] | None = None) -> None:
        """Leave in good order; see :meth:`cloud_sync.ports.FleetLink.close`."""
        if self._thread is threading.current_thread():
            raise UsageError("a link cannot be closed by its own handler: close it from outside")
        session = self._session
        if session is not None and farewell is not None and not self._closing.is_set():
            session.publish_and_wait(*farewell)
        self._closing.set()
        session = self._session  # it may have been lost and made again meanwhile
        if session is not None:
            session.wake()
        if self._thread is not None:
            # A thread that still waits for a silent host ends by itself, and tells nobody.
            self._thread.join(_GOODBYE_S + 1.0)

    def _run(self, handler: FleetLinkHandler) -> None:
        while not self._closing.is_set():
            session = self._session = _Session(self._url, self._options, handler)
            reason = session.run(self._closing, self._handshake_s)
            if self._closing.is_set():
                return
            retry = self._reconnect.after(
                reason,
                up_s=session.up_s,
                jitter=random.random(),  # noqa: S311  spreads the fleet, guards nothing
            )
            if retry.is_news:
                handler.on_disconnected(reason)
            self._closing.wait(retry.wait_s)


class _Session:
    """One connection, from its making to its end, with a paho client of its own.

    What was on its way when the connection broke is forgotten with the client: the service repeats
    what devices have not answered, and paho must not send older news beside it.
    """

    def __init__(
        self, url: BrokerUrl, options: FleetLinkOptions, handler: FleetLinkHandler
    ) -> None:
        self._url = url
        self._options = options
        self._handler = handler
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            transport="websockets" if url.is_websocket else "tcp",
            reconnect_on_failure=False,
        )
        self._is_up = False
        self._up_at_s: float | None = None
        self._ended_at_s = 0.0
        self._early: list[tuple[str, bytes]] = []  # came before the subscriptions were confirmed
        self._reason = "connection lost"
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.settimeout(0.0)
        self._wake_writer.settimeout(0.0)

    @property
    def up_s(self) -> float | None:
        """How long the connection was up; ``None`` if it never was."""
        return None if self._up_at_s is None else self._ended_at_s - self._up_at_s

    def run(self, closing: threading.Event, handshake_s: float) -> str:
        """Connect, serve until the end or until ``closing``, and return why it ended."""
        try:
            self._set_up(handshake_s)
            try:
                self._client.connect(self._url.host, self._url.port, self._options.keepalive_s)
            except OSError as error:
                return f"cannot reach {self._url}: {error}"
            self._serve(closing, time.monotonic() + handshake_s)
        except Exception as error:  # noqa: BLE001  the cloud must not go deaf: tell it, retry
            return f"connection failed: {error!r}"
        finally:
            self._is_up = False
            self._ended_at_s = time.monotonic()
            self._close_sockets()
        return self._reason

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> mqtt.MQTTMessageInfo | None:
        """Hand over a message; ``None`` if it cannot go on its way now."""
        if not self._is_up:
            return None
        try:
            info = self._client.publish(topic, payload, qos=1, retain=retain)
        except ValueError as error:
            raise UsageError(f"cannot publish to topic {topic!r}: {error}") from error
        self.wake()
        return info if info.rc == mqtt.MQTT_ERR_SUCCESS else None

    def publish_and_wait(self, topic: str, payload: bytes) -> None:
        """Publish, and wait up to two seconds for the broker's confirmation."""
        deadline_s = time.monotonic() + _FAREWELL_S
        info = self.publish(topic, payload, retain=True)
        while info is None and self._is_up and time.monotonic() < deadline_s:
            time.sleep(0.01)  # too much is on its way: wait for room
            info = self.publish(topic, payload, retain=True)
        if info is not None:
            info.wait_for_publish(max(0.0, deadline_s - time.monotonic()))

    def wake(self) -> None:
        """Make the link's thread look at once at what there is to do."""
        with contextlib.suppress(OSError):  # it is awake anyway, or its session is over
            self._wake_writer.send(b"\0")

    def _set_up(self, handshake_s: float) -> None:
        client, options = self._client, self._options
        client.connect_timeout = handshake_s
        client.max_inflight_messages = 0  # no second limit beside the next one
        client.max_queued_messages = _MAX_UNCONFIRMED
        client.will_set(options.will_topic, options.will_payload, qos=1, retain=True)
        client.username_pw_set(options.username, options.password)
        if (context := _tls_context(self._url, options)) is not None:
            client.tls_set_context(context)
        if self._url.is_websocket:
            client.ws_set_options(path=self._url.path)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        # With this hook set, paho leaves all writing to the thread that serves the connection.
        client.on_socket_register_write = lambda *_: None

    def _serve(self, closing: threading.Event, patience_s: float) -> None:
        client = self._client
        is_leaving = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            if (connection := client.socket()) is not None:
                selector.register(connection, selectors.EVENT_READ)
            while (connection := client.socket()) is not None:
                if closing.is_set() and not is_leaving:
                    is_leaving = True
                    patience_s = time.monotonic() + _GOODBYE_S
                    client.disconnect()
                elif (is_leaving or not self._is_up) and time.monotonic() > patience_s:
                    self._reason = "broker accepts connections but does not answer"
                    return
                self._turn(selector, connection)

    def _turn(self, selector: selectors.BaseSelector, connection: "SocketLike") -> None:
        """Write what waits, sleep until there is something to do, and read what came."""
        client = self._client
        if client.want_write():
            client.loop_write()
            if client.socket() is None:
                return
        is_blocked = client.want_write()
        selector.modify(
            connection, selectors.EVENT_READ | (selectors.EVENT_WRITE if is_blocked else 0)
        )
        is_readable = _holds_decrypted_bytes(connection)
        for key, events in selector.select(0.0 if is_readable else _TURN_S):
            if key.fileobj is self._wake_reader:
                self._wake_reader.recv(4096)
            elif events & selectors.EVENT_READ:
                is_readable = True
        if is_readable:
            for _ in range(_READS_PER_TURN):
                client.loop_read()
        client.loop_misc()

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
        elif self._options.subscriptions:
            client.subscribe([(topic, _SUBSCRIBE_QOS) for topic in self._options.subscriptions])
        else:
            self._come_up()

    def _on_subscribe(
        self,
        client: mqtt.Client,
        _userdata: object,
        _mid: int,
        reason_codes: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        pairs = zip(self._options.subscriptions, reason_codes, strict=True)
        refused = [topic for topic, reason_code in pairs if reason_code.is_failure]
        if refused:
            self._reason = f"broker refused to let us hear {', '.join(refused)}"
            client.disconnect()
        else:
            self._come_up()

    def _come_up(self) -> None:
        self._is_up = True
        self._up_at_s = time.monotonic()
        self._handler.on_connected()
        for topic, payload in self._early:
            self._handler.on_message(topic, payload)
        self._early.clear()

    def _on_message(
        self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage
    ) -> None:
        if self._is_up:
            self._handler.on_message(message.topic, bytes(message.payload))
        else:  # some brokers send retained messages before they confirm the subscription
            self._early.append((message.topic, bytes(message.payload)))

    def _close_sockets(self) -> None:
        connection = self._client.socket()
        if connection is not None:
            connection.close()
        self._wake_reader.close()
        self._wake_writer.close()


def _tls_context(url: BrokerUrl, options: FleetLinkOptions) -> ssl.SSLContext | None:
    """Read the files anew for each connection, because certificates are renewed in place."""
    files = [name for name in (options.ca_file, options.cert_file, options.key_file) if name]
    if not url.is_tls:
        if files:
            raise UsageError(
                f"TLS files were given for {url}, which is not encrypted: use mqtts:// or wss://"
            )
        return None
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.cert_file is not None:
            context.load_cert_chain(options.cert_file, options.key_file)
    except OSError as error:
        raise UsageError(f"cannot use the TLS files {', '.join(files)}: {error}") from error
    return context


def _holds_decrypted_bytes(connection: "SocketLike") -> bool:
    """Return whether TLS has read more than it gave out, which no selector can see."""
    pending = getattr(connection, "pending", None)
    return pending is not None and pending() > 0
