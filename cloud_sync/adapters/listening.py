"""Ports to listen on: which one is free, is it ours to take, and does a broker answer there."""

import contextlib
import errno
import random
import socket
import ssl
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

from edge_contract.errors import UnavailableError, UsageError

__all__ = ["answers_mqtt", "check_port", "free_port", "local_address"]

# Below the ports that systems give to outgoing connections (32768 and up, or 49152 and up): one of
# those could take a server's port while the server restarts.
_FREE_PORTS: Final = range(20_000, 32_000)


def local_address(host: str) -> str:
    """Return where this machine reaches a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def free_port(host: str, *, besides: Collection[int] = ()) -> int:
    """Return a port of ``host`` that nobody listens on now, and that is not in ``besides``.

    Raises:
        UsageError: This machine has no such address.
        UnavailableError: A hundred ports were tried and all were taken.
    """
    for _ in range(100):
        port = random.choice(_FREE_PORTS)  # noqa: S311  a number to try, no secret
        if port in besides:
            continue
        with contextlib.suppress(UnavailableError):
            check_port(host, port, option="port")
            return port
    raise UnavailableError(
        f"no free port on {host} between {_FREE_PORTS.start} and {_FREE_PORTS.stop}; "
        "name one that is free"
    )


def check_port(host: str, port: int, *, option: str) -> None:
    """Find out before a server is started whether it will get its port.

    Args:
        host: Address to listen on.
        port: The port, not 0.
        option: The setting with which a user chooses the port, for the message.

    Raises:
        UsageError: This machine has no such address, or this user may not take this port.
        UnavailableError: Another program listens there.
    """
    try:
        _bind(host, port)
    except PermissionError as error:
        raise UsageError(
            f"this user may not listen on port {port}: choose one above 1023 with {option}"
        ) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UnavailableError(
                f"port {port} on {host} is taken by another program: stop that program, or choose "
                f"another port with {option} (0 takes a free one)"
            ) from error
        raise UsageError(
            f"cannot listen on {host!r}: {error.strerror or error}; use an address of this machine"
        ) from error


def answers_mqtt(
    host: str, port: int, *, is_tls: bool = False, shown: tuple[Path, Path] | None = None
) -> bool:
    """Return whether a broker answers MQTT's handshake there; that it accepts TCP says little.

    Args:
        host: Its address.
        port: Its port.
        is_tls: Whether it encrypts.
        shown: Certificate and key to show it; ``None`` for none.
    """
    client_id = b"edgefleet-probe"
    body = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(client_id).to_bytes(2) + client_id
    try:
        with contextlib.ExitStack() as open_ones:
            connection = open_ones.enter_context(
                socket.create_connection((host, port), timeout=1.0)
            )
            if is_tls:
                connection = open_ones.enter_context(_unverified(shown).wrap_socket(connection))
            connection.sendall(b"\x10" + len(body).to_bytes(1) + body)
            answer = connection.recv(4)
            connection.sendall(b"\xe0\x00")
    except OSError:
        return False
    return answer[:2] == b"\x20\x02"


def _unverified(shown: tuple[Path, Path] | None) -> ssl.SSLContext:
    """Return what looks whether anybody is there, and tells him nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if shown is not None:
        context.load_cert_chain(*shown)
    return context


def _bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        if sys.platform != "win32":  # there the option would let us share a taken port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
