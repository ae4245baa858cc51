"""Clients that speak plain MQTT and try what they should not: no agent would."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

__all__ = ["Cheat", "Login", "cheating"]

_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Login:
    """As whom a client connects: its id, and what it gives as user name and password."""

    client_id: str
    username: str = ""
    password: str = ""


@dataclass
class Cheat:
    """One connection, and what came of it.

    Attributes:
        connected: Whether the broker let it in; ``None`` while that is not known.
        heard: Topics and payloads that came.
        granted: Filters that the broker confirmed.
        refused: Filters that it did not.
        asked: Filters that were asked for, by the number of the message.
        lost: How often the connection ended.
    """

    client: mqtt.Client
    connected: bool | None = None
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    granted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lost: int = 0
    asked: dict[int, str] = field(default_factory=dict)

    def says(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 and wait until the broker has confirmed it, or thrown us out."""
        info = self.client.publish(topic, payload, qos=1, retain=retain)
        self.wait(lambda: info.is_published() or self.lost > 0)

    def asks_for(self, topic: str, qos: int = 0) -> bool:
        """Subscribe, and return whether the broker lets us."""
        before = len(self.granted) + len(self.refused)
        _, mid = self.client.subscribe(topic, qos)
        self.asked[mid or 0] = topic
        self.wait(lambda: len(self.granted) + len(self.refused) > before or self.lost > 0)
        return topic in self.granted

    def wait(self, holds: Callable[[], bool], within_s: float = _PATIENCE_S) -> bool:
        """Return whether something becomes true in time."""
        deadline_s = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(0.01)
        return True


@contextmanager
def cheating(
    port: int,
    login: Login,
    *,
    will: tuple[str, bytes] | None = None,
    ca_file: str | None = None,
    shown: tuple[str, str] | None = None,
    is_websocket: bool = False,
) -> Iterator[Cheat]:
    """Connect, and leave at the end; ``shown`` are files of a certificate and its key."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        login.client_id,
        reconnect_on_failure=False,
        transport="websockets" if is_websocket else "tcp",
    )
    cheat = Cheat(client)
    if login.username or login.password:
        client.username_pw_set(login.username, login.password)
    if will is not None:
        client.will_set(will[0], will[1], qos=1)
    if ca_file is not None:
        client.tls_set(ca_file, *(shown or ()))

    def on_connect(
        _client: object, _data: object, _: object, code: ReasonCode, *_more: object
    ) -> None:
        cheat.connected = not code.is_failure

    def on_disconnect(*_: object) -> None:
        cheat.lost += 1

    def on_subscribe(
        _client: object, _data: object, mid: int, codes: list[ReasonCode], _: object
    ) -> None:
        cheat.wait(lambda: mid in cheat.asked)  # the answer may be quicker than who asked
        refused = any(code.is_failure for code in codes)
        (cheat.refused if refused else cheat.granted).append(cheat.asked[mid])

    def on_message(_client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        cheat.heard.append((message.topic, bytes(message.payload)))

    client.on_connect = on_connect
    client.on_disconnect = on_disconnect
    client.on_subscribe = on_subscribe
    client.on_message = on_message
    try:
        client.connect("127.0.0.1", port)
    except OSError:  # a broker that encrypts may end it before anything is said
        cheat.lost += 1
        yield cheat
        return
    client.loop_start()
    try:
        assert cheat.wait(lambda: cheat.connected is not None or cheat.lost > 0)
        yield cheat
    finally:
        client.disconnect()
        client.loop_stop()
