"""The device's link to its broker, see :class:`edge_agent.ports.Link`: MQTT over paho-mqtt."""

import edge_agent.adapters.lean_paho  # noqa: F401  before anything imports paho-mqtt
from edge_agent.adapters.mqtt_connection import MqttConnection
from edge_agent.adapters.mqtt_session import MqttOptions
from edge_agent.ports import LinkOptions
from edge_contract.messages.reconnect import Reconnect

__all__ = ["PahoLink"]


class PahoLink(MqttConnection):
    """One device's connection.

    Args:
        options: Where to connect, as whom, and what to hear.
        reconnect: How long to wait between attempts.
        handshake_s: How long a broker may take to accept us and our subscriptions.

    Raises:
        UsageError: The URL is wrong, or the credentials or TLS files do not fit.
    """

    def __init__(
        self,
        options: LinkOptions,
        *,
        reconnect: Reconnect | None = None,
        handshake_s: float = 10.0,
    ) -> None:
        mqtt_options = MqttOptions(
            url=options.url,
            client_id=options.client_id,
            username=options.username,
            password=options.password,
            password_now=options.password_now,
            ca_file=options.ca_file,
            cert_file=options.cert_file,
            key_file=options.key_file,
            will_topic=options.will_topic,
            will_payload=options.will_payload,
            is_will_retained=False,  # a death is an event, told once
            subscriptions=options.subscriptions,
            subscription_qos=0,  # the cloud repeats what a device does not answer
            max_unconfirmed=100,
            keepalive_s=options.keepalive_s,
            handshake_s=handshake_s,
        )
        super().__init__(mqtt_options, reconnect=reconnect)
