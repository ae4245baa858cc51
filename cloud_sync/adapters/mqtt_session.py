"""One MQTT 3.1.1 connection over paho-mqtt, from its making to its end.

This file is in ``edge_agent`` and in ``cloud_sync``, byte for byte the same: the two share no code
that does I/O, and a test holds the copies together.
"""

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Protocol

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_contract.errors import UsageError
from edge_contract.messages.broker_url import BrokerUrl
from edge_contract.records import dataclass, field

if TYPE_CHECKING:
    import ssl

    from paho.mqtt.client import SocketLike

__all__ = ["GOODBYE_S", "MqttHandler", "MqttOptions", "MqttSession", "tls_context"]

GOODBYE_S: Final = 1.0
_FAREWELL_S: Final = 2.0
_TURN_S: Final = 1.0
_READS_PER_TURN: Final = 8  # to read in vain costs less than to ask before each packet


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttOptions:
    """How to reach a broker, and how to speak and listen there.

    Attributes:
        url: As :func:`edge_contract.messages.broker_url.parse_broker_urls` reads it.
        client_id: Unique at the broker; a broker throws out the elder of two.
        username: ``None`` if the broker asks for none.
        password: Goes with ``username``.
        password_now: Returns the password for each new connection; ``None`` where it stays.
        ca_file: Certificates to trust; ``None`` trusts what the system trusts.
        is_pinned: Whether ``ca_file`` is the broker's own certificate: no other is accepted then,
            and it may be for other names.
        cert_file: The client's certificate, PEM.
        key_file: Its key; ``None`` if it is in ``cert_file``.
        will_topic: Where the broker says that this client left without a farewell; empty for no
            such word.
        will_payload: What it says there, at QoS 1.
        is_will_retained: Whether the will, and a farewell in its place, are for late comers too.
        subscriptions: Filters to hear, subscribed again after each connect.
        subscription_qos: 0 or 1.
        max_unconfirmed: Messages that may be on their way, not confirmed by the broker.
        keepalive_s: After this long without a sign of life the other side counts as gone.
        handshake_s: How long a broker may take to accept us and our subscriptions.
    """

    url: str
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_now: Callable[[], str | None] | None = field(default=None, repr=False)
    ca_file: str | None = None
    is_pinned: bool = False
    cert_file: str | None = None
    key_file: str | None = None
    will_topic: str
    will_payload: bytes
    is_will_retained: bool
    subscriptions: tuple[str, ...]
    subscription_qos: int
    max_unconfirmed: int
    keepalive_s: int = 30
    handshake_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.client_id:
            raise UsageError("a link needs a client id of its own, got an empty one")
        if self.password is not None and self.username is None:
            raise UsageError("a password was given without a username: give both or neither")


class MqttHandler(Protocol):
    """Hears what happens, one call at a time; see the ports of agent and cloud."""

    def on_connected(self) -> None:
        """The broker has confirmed every subscription."""
        ...

    def on_disconnected(self, reason: str) -> None:
        """The connection is lost, or still cannot be made, for a reason that was not told yet."""
        ...

    def on_message(self, topic: str, payload: bytes) -> None:
        """A message came."""
        ...


class MqttSession:
    """One connection, from its making to its end, with a paho client of its own.

    What was on its way when the connection broke is forgotten with the client: whoever published
    it sends again what the other side has not answered, and paho must not do the same beside it.
    """

    def __init__(self, url: BrokerUrl, options: MqttOptions, handler: MqttHandler) -> None:
        self._url = url
        self._options = options
        self._handler = handler
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            transport="websockets" if url.is_websocket else "tcp",
            reconnect_on_failure=False,
        )
        self._wanted = frozenset(options.subscriptions)
        self._asked: frozenset[str] = frozenset()
        self._is_up = False
        self._up_at_s: float | None = None
        self._ended_at_s = 0.0
        self._early: list[tuple[str, bytes]] = []  # came before the subscriptions were confirmed
        self._reason = "connection lost"
        self._adjusting = threading.Lock()
        self._is_woken = False
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.settimeout(0.0)
        self._wake_writer.settimeout(0.0)

    @property
    def up_s(self) -> float | None:
        """How long the connection was up; ``None`` if it never was."""
        return None if self._up_at_s is None else self._ended_at_s - self._up_at_s

    def run(self, closing: threading.Event) -> str:
        """Connect, serve until the end or until ``closing``, and return why it ended."""
        try:
            self._set_up()
            try:
                self._client.connect(self._url.host, self._url.port, self._options.keepalive_s)
            except OSError as error:
                return f"cannot reach {self._url}: {error}"
            self._serve(closing)
        except Exception as error:  # noqa: BLE001  a link must not go deaf: tell it and retry
            return f"connection failed: {error!r}"
        finally:
            self._is_up = False
            self._ended_at_s = time.monotonic()
            self._close_sockets()
        return self._reason

    def publish(
        self, topic: str, payload: bytes, *, retain: bool, qos: int = 1
    ) -> mqtt.MQTTMessageInfo | None:
        """Hand over a message; ``None`` if it cannot go on its way now."""
        if not self._is_up:
            return None
        try:
            info = self._client.publish(topic, payload, qos=qos, retain=retain)
        except ValueError as error:
            raise UsageError(f"cannot publish to topic {topic!r}: {error}") from error
        self.wake()
        return info if info.rc == mqtt.MQTT_ERR_SUCCESS else None

    def hear(self, filters: Iterable[str]) -> None:
        """Subscribe to these from now on, and to nothing else."""
        self._wanted = frozenset(filters)
        if self._is_up:
            self._adjust()

    def say_farewell(self, topic: str, payload: bytes) -> None:
        """Publish as the will would be, and wait up to two seconds for the confirmation."""
        deadline_s = time.monotonic() + _FAREWELL_S
        retain = self._options.is_will_retained
        info = self.publish(topic, payload, retain=retain)
        while info is None and self._is_up and time.monotonic() < deadline_s:
            time.sleep(0.01)  # too much is on its way: wait for room
            info = self.publish(topic, payload, retain=retain)
        if info is not None:
            info.wait_for_publish(max(0.0, deadline_s - time.monotonic()))

    def wake(self) -> None:
        """Make the link's thread look at once at what there is to do."""
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(OSError):  # its session is over
                self._wake_writer.send(b"\0")

    def _set_up(self) -> None:
        client, options = self._client, self._options
        client.connect_timeout = options.handshake_s
        client.max_inflight_messages = 0  # no second limit beside the next one
        client.max_queued_messages = options.max_unconfirmed
        if options.will_topic:
            client.will_set(
                options.will_topic, options.will_payload, qos=1, retain=options.is_will_retained
            )
        renewed = options.password_now() if options.password_now is not None else None
        client.username_pw_set(options.username, renewed or options.password)
        if (context := tls_context(self._url, options)) is not None:
            client.tls_set_context(context)
        if self._url.is_websocket:
            client.ws_set_options(path=self._url.path)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        # With this hook set, paho leaves all writing to the thread that serves the connection.
        client.on_socket_register_write = lambda *_: None

    def _serve(self, closing: threading.Event) -> None:
        client = self._client
        patience_s = time.monotonic() + self._options.handshake_s
        is_leaving = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            if (connection := client.socket()) is not None:
                selector.register(connection, selectors.EVENT_READ)
            while (connection := client.socket()) is not None:
                if closing.is_set() and not is_leaving:
                    is_leaving = True
                    patience_s = time.monotonic() + GOODBYE_S
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
                self._is_woken = False  # before it looks: what comes from now on wakes it again
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
        elif self._wanted:
            self._subscribe(self._wanted)
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
        filters = sorted(self._asked)
        refused = [place for place, code in enumerate(reason_codes) if code.is_failure]
        if refused:
            known = len(filters) == len(reason_codes)  # otherwise it answers a change of filters
            names = [filters[place] for place in refused] if known else ["what we asked for"]
            self._reason = f"broker refused to let us hear {', '.join(names)}"
            client.disconnect()
        elif not self._is_up:
            self._come_up()

    def _subscribe(self, filters: frozenset[str]) -> None:
        self._asked |= filters
        qos = self._options.subscription_qos
        self._client.subscribe([(topic, qos) for topic in sorted(filters)])

    def _adjust(self) -> None:
        """Ask the broker for what is wanted and not asked for yet, and no more for the rest."""
        with self._adjusting:
            wanted, asked = self._wanted, self._asked
            if asked - wanted:
                self._asked = asked & wanted
                self._client.unsubscribe(sorted(asked - wanted))
            if wanted - asked:
                self._subscribe(wanted - asked)
        self.wake()

    def _come_up(self) -> None:
        self._is_up = True
        self._up_at_s = time.monotonic()
        self._handler.on_connected()
        for topic, payload in self._early:
            self._handler.on_message(topic, payload)
        self._early.clear()
        self._adjust()

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


def tls_context(url: BrokerUrl, options: MqttOptions) -> "ssl.SSLContext | None":
    """Read the files anew for each connection, because certificates are renewed in place."""
    files = [name for name in (options.ca_file, options.cert_file, options.key_file) if name]
    if not url.is_tls:
        if files:
            raise UsageError(
                f"TLS files were given for {url}, which is not encrypted: use mqtts:// or wss://"
            )
        return None
    import ssl  # most devices stand beside their broker, and it takes 4 MB

    try:
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.cert_file is not None:
            context.load_cert_chain(options.cert_file, options.key_file)
        if options.is_pinned:
            context.check_hostname = False
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    except OSError as error:
        raise UsageError(f"cannot use the TLS files {', '.join(files)}: {error}") from error
    return context


def _holds_decrypted_bytes(connection: "SocketLike") -> bool:
    """Return whether TLS has read more than it gave out, which no selector can see."""
    pending = getattr(connection, "pending", None)
    return pending is not None and pending() > 0
