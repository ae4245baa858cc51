"""The cloud's link to the broker, see :class:`cloud_sync.ports.FleetLink`: MQTT over paho-mqtt."""

from dataclasses import dataclass, field

from cloud_sync.adapters.mqtt_connection import MqttConnection
from cloud_sync.adapters.mqtt_session import MqttOptions
from edge_contract.messages.reconnect import Reconnect

__all__ = ["FleetLinkOptions", "PahoFleetLink"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetLinkOptions:
    """How the cloud reaches the broker, and what it says and hears there.

    Attributes:
        url: ``mqtt://host[:port]``, ``mqtts://``, ``ws://`` or ``wss://``, without credentials.
        client_id: Unique at the broker; a broker throws out the elder of two.
        username: ``None`` if the broker asks for none.
        password: Goes with ``username``.
        ca_file: Certificates to trust; ``None`` trusts what the system trusts.
        is_pinned: Whether ``ca_file`` is the broker's own certificate, whatever its names.
        cert_file: The service's certificate, PEM.
        key_file: Its key; ``None`` if it is in ``cert_file``.
        will_topic: Where the broker says that the cloud left without a farewell; empty for
            one that nobody waits for.
        will_payload: What it says there, at QoS 1, retained: devices that come later hear it too.
        subscriptions: Filters to hear, at QoS 1, subscribed again after each connect.
        keepalive_s: After this long without a sign of life the other side counts as gone.
    """

    url: str
    client_id: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    is_pinned: bool = False
    cert_file: str | None = None
    key_file: str | None = None
    will_topic: str = ""
    will_payload: bytes = b""
    subscriptions: tuple[str, ...]
    keepalive_s: int = 30


class PahoFleetLink(MqttConnection):
    """The cloud's connection. While its handler works the broker waits, at most 1000 messages.

    Args:
        options: Where to connect, as whom, and what to hear.
        reconnect: How long to wait between attempts.
        handshake_s: How long a broker may take to accept us and our subscriptions.

    Raises:
        UsageError: The URL is wrong, or the credentials or TLS files do not fit.
    """

    def __init__(
        self,
        options: FleetLinkOptions,
        *,
        reconnect: Reconnect | None = None,
        handshake_s: float = 10.0,
    ) -> None:
        mqtt_options = MqttOptions(
            url=options.url,
            client_id=options.client_id,
            username=options.username,
            password=options.password,
            ca_file=options.ca_file,
            is_pinned=options.is_pinned,
            cert_file=options.cert_file,
            key_file=options.key_file,
            will_topic=options.will_topic,
            will_payload=options.will_payload,
            is_will_retained=True,
            subscriptions=options.subscriptions,
            subscription_qos=1,  # the broker holds back while we are busy
            max_unconfirmed=20_000,  # a message to each of 10,000 devices, and their acks
            keepalive_s=options.keepalive_s,
            handshake_s=handshake_s,
        )
        super().__init__(mqtt_options, reconnect=reconnect)
