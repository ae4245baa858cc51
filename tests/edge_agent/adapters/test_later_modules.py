"""TLS and HTTP are loaded when the MQTT client uses them; everybody else has the real ones."""

import subprocess
import sys

import pytest

LEAN = "import sys, edge_agent.adapters.paho_link as link\n"


def run(program: str) -> str:
    """Return what a process of its own prints: modules of this one have long been loaded."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_link_without_encryption_loads_neither_tls_nor_http() -> None:
    program = LEAN + (
        "import socket\n"
        "import paho.mqtt.client as mqtt\n"
        "near, far = socket.socketpair()\n"
        "near.setblocking(False)\n"
        "client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)\n"
        "client._sock = near\n"
        "try:\n"
        "    client._sock_recv(1)\n"
        "except BlockingIOError:\n"
        "    print('nothing to read')\n"
        "print([m for m in ('_ssl', '_hashlib', 'http.client', 'email') if m in sys.modules])\n"
    )

    assert run(program).splitlines() == ["nothing to read", "[]"]


@pytest.mark.parametrize(
    "use",
    [
        "import ssl; print(ssl.create_default_context().check_hostname)",
        "from ssl import SSLContext; print(SSLContext.__module__ == 'ssl')",
        "import hashlib; print(hashlib.sha256(b'').hexdigest().startswith('e3b0'))",
        "import urllib.request; print(urllib.request.Request('http://a/b').selector == '/b')",
        "import http.client; print(http.client.HTTPSConnection('a').port == 443)",
        "import paho.mqtt.client as c; c.Client(c.CallbackAPIVersion.VERSION2).tls_set(); "
        "import ssl; print(c.ssl.SSLWantReadError is ssl.SSLWantReadError)",
        "import hashlib, ssl, types; print(type(ssl) is type(hashlib) is types.ModuleType)",
        "import asyncio, ssl; print(issubclass(ssl.SSLError, OSError))",
    ],
)
def test_whoever_uses_them_has_all_of_them(use: str) -> None:
    assert run(LEAN + use) == "True"


def test_threads_that_use_a_module_at_once_all_have_it() -> None:
    program = LEAN + (
        "import threading\n"
        "import paho.mqtt.client as mqtt\n"
        "start = threading.Barrier(8)\n"
        "found = []\n"
        "def use():\n"
        "    start.wait()\n"
        "    found.append(mqtt.ssl.SSLContext(mqtt.ssl.PROTOCOL_TLS_CLIENT).minimum_version)\n"
        "threads = [threading.Thread(target=use) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "print(len(found))\n"
    )

    assert run(program) == "8"
