"""paho-mqtt without TLS and HTTP, which most devices do not need; import it before paho-mqtt is.

They are loaded when the client uses something of them: with ``mqtts://`` and ``wss://``.
"""

from edge_agent.adapters.later_modules import LaterModule, imported_later

with imported_later("hashlib", "ssl", "urllib.request"):
    import paho.mqtt.client

__all__: list[str] = []

_client = vars(paho.mqtt.client)

if isinstance(_client["ssl"], LaterModule):
    # Whenever a plain socket has nothing to give, the client asks whether TLS is why.
    waits = ("SSLWantReadError", "SSLWantWriteError")
    _client["ssl"] = LaterModule("ssl", unraised=waits)
