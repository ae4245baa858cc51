"""paho-mqtt without TLS and HTTP, which most devices do not need; import it before paho-mqtt is.

They are loaded when something of them is used: with ``mqtts://`` and ``wss://``, and by whatever
else in the process uses them.
"""

from edge_agent.adapters.later_modules import LaterModule, import_later

import_later("hashlib", "ssl", "urllib.request")

import paho.mqtt.client  # noqa: E402  not before the line above

__all__: list[str] = []

_client = vars(paho.mqtt.client)

if isinstance(_client["ssl"], LaterModule):
    # Whenever a plain socket has nothing to give, the client asks whether TLS is why.
    waits = ("SSLWantReadError", "SSLWantWriteError")
    _client["ssl"] = LaterModule("ssl", unraised=waits)
