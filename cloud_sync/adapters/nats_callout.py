"""Answers a NATS server that asks who may connect, and what for: its auth callout.

The server leaves every client but its own services to us: it sends what the client gave, signed,
and believes what we sign. A client is let in under its own client id and topics, in both
directions, and while nobody answers, nobody is let in.
"""

import contextlib
import json
import logging
import socket
import threading
from collections.abc import Sequence
from typing import BinaryIO, Final

from cloud_sync.adapters.client_certificates import shown_certificate
from cloud_sync.adapters.nats_tokens import NatsSigner, claims_in
from cloud_sync.ports import Admission, Asking, Grant, ShownCertificate
from edge_contract.errors import EdgeError
from edge_contract.reading import JsonObject, Reader

__all__ = ["AuthCallout"]

_log = logging.getLogger("edgefleet.cloud")

_SUBJECT: Final = "$SYS.REQ.USER.AUTH"
_ACCOUNT: Final = "$G"
_CONNECT_TIMEOUT_S: Final = 5.0
_FIRST_S: Final = 0.03  # until the server that was just started listens
_AGAIN_S: Final = 0.5
_SILENCE_S: Final = 8.0  # servers of a cluster give a sign of life every two seconds
_MAX_LINE: Final = 65_536
_MAX_REQUEST: Final = 1_048_576
_MAX_PEM: Final = 65_536


class AuthCallout:
    """One connection to the server, in the background, made again when it breaks.

    Servers of a cluster ask through each other: it is enough to be connected to any of them.

    Args:
        ports: Of the server's own protocol, on this machine; of a cluster all.
        username: Of the service that answers.
        password: Of the same.
        signer: Whose key the server believes.
        admission: Decides.
    """

    def __init__(
        self,
        ports: Sequence[int],
        username: str,
        *,
        password: str,
        signer: NatsSigner,
        admission: Admission,
    ) -> None:
        self._ports = ports
        self._turn = 0
        self._login: JsonObject = {
            "verbose": False,
            "pedantic": False,
            "headers": False,
            "user": username,
            "pass": password,
            "name": "edgefleet-admission",
            "lang": "python",
            "version": "1",
        }
        self._signer = signer
        self._admission = admission
        self._closing = threading.Event()
        self._ready = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="admission", daemon=True)

    def start(self) -> None:
        """Connect in the background."""
        self._thread.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Return whether the server has confirmed that it will ask us, waiting so long."""
        return self._ready.wait(timeout_s)

    def close(self) -> None:
        """Leave. Idempotent."""
        self._closing.set()
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(_CONNECT_TIMEOUT_S + 1.0)

    def _run(self) -> None:
        pause_s = _FIRST_S
        while not self._closing.is_set():
            try:
                self._serve()
            except (OSError, EdgeError, ValueError) as error:
                if self._ready.is_set() and not self._closing.is_set():
                    pause_s = _AGAIN_S
                    _log.warning("nobody can be let in for a moment: %s", error)
            self._ready.clear()
            self._turn += 1
            self._closing.wait(pause_s)

    def _serve(self) -> None:
        address = ("127.0.0.1", self._ports[self._turn % len(self._ports)])
        with socket.create_connection(address, timeout=_CONNECT_TIMEOUT_S) as connection:
            connection.settimeout(_SILENCE_S if len(self._ports) > 1 else None)
            self._socket = connection
            if self._closing.is_set():
                return
            with connection.makefile("rb") as incoming:
                hello = f"CONNECT {json.dumps(self._login)}\r\nSUB {_SUBJECT} 1\r\nPING\r\n"
                connection.sendall(hello.encode())
                while line := incoming.readline(_MAX_LINE):
                    self._take(line, connection, incoming)
        raise ConnectionError("the broker closed the connection")

    def _take(self, line: bytes, connection: socket.socket, incoming: BinaryIO) -> None:
        """Do what one line of the protocol asks for."""
        match line.split():
            case [b"PING"]:
                connection.sendall(b"PONG\r\n")
            case [b"PONG"]:
                self._ready.set()
            case [b"MSG", _, _, reply, size] if size.isdigit() and int(size) <= _MAX_REQUEST:
                request = incoming.read(int(size) + 2)[:-2]
                answer = self._answer(request).encode()
                connection.sendall(b"PUB %b %d\r\n%b\r\n" % (reply, len(answer), answer))
            case [b"INFO", *_] | [b"+OK"]:
                pass
            case [b"-ERR", *words]:
                raise ConnectionError(b" ".join(words).decode(errors="replace"))
            case _:
                raise ConnectionError(f"the broker said {line[:100]!r}")

    def _answer(self, request: bytes) -> str:
        """Return the signed answer to a signed request."""
        asked = claims_in(request)["nats"]
        user_key = asked["user_nkey"].text()
        outcome = self._decided(asked)
        inner: JsonObject
        if isinstance(outcome, str):
            inner = {"error": outcome}
        else:
            inner = {"jwt": self._signer.signed(_user_claims(user_key, outcome))}
        answer: JsonObject = {"type": "authorization_response", "version": 2, **inner}
        server = asked["server_id"]["id"].text()
        return self._signer.signed({"sub": user_key, "aud": server, "nats": answer})

    def _decided(self, asked: Reader) -> Grant | str:
        """Return what a client may do; one that cannot be read must not keep others out."""
        try:
            return self._admission.admit(_asking_in(asked))
        except EdgeError as error:
            return str(error)


def _asking_in(asked: Reader) -> Asking:
    client, options = asked["client_info"], asked["connect_opts"]
    return Asking(
        client_id=_text(client, "mqtt_id"),
        username=_text(options, "user"),
        password=_text(options, "pass"),
        certificate=_certificate_in(asked),
    )


def _certificate_in(asked: Reader) -> ShownCertificate | None:
    """Return what the client showed and the server verified; it asks only where it is told to."""
    tls = asked.get("client_tls")
    chains = None if tls is None else tls.get("verified_chains")
    if chains is None:
        return None
    chain = next(iter(chains.items()), None)
    own = None if chain is None else next(iter(chain.items()), None)
    return None if own is None else shown_certificate(own.text(max_length=_MAX_PEM))


def _text(reader: Reader, key: str) -> str:
    found = reader.get(key)
    return "" if found is None else found.text()


def _user_claims(user_key: str, grant: Grant) -> JsonObject:
    return {
        "sub": user_key,
        "aud": _ACCOUNT,
        "nats": {
            "type": "user",
            "version": 2,
            "pub": {"allow": [_subject(topic) for topic in grant.publish]},
            "sub": {"allow": [_subject(topic) for topic in grant.subscribe]},
            "subs": -1,
            "data": -1,
            "payload": -1,
        },
    }


def _subject(topic: str) -> str:
    """Return the subject that NATS makes of a topic; no name of ours has a dot."""
    return topic.replace("/", ".")
