"""What a nats-server is started with.

The settings are the ones under which it lost nothing that it had acknowledged when it was killed:
messages in files and never in memory, written through every 100 ms, and a server name that stays
the same, because sessions and retained messages are stored under it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cloud_sync.tls_files import TlsFiles
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["ClusterMember", "Doormen", "settings_text"]

_MAX_PAYLOAD_BYTES: Final = 131_072  # twice our largest message
_PATIENCE_S: Final = 5
_CLUSTER: Final = "edgefleet"
_REPLICAS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Doormen:
    """Who decides about clients, and who need not ask.

    Attributes:
        issuer: Public key that signs what clients may do.
        callout_password: Of the user ``admission``, who signs.
        service_username: Of the cloud itself, which may say and hear everything.
        service_password: Of the same.
    """

    issuer: str
    callout_password: str = field(repr=False)
    service_username: str
    service_password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMember:
    """One server of a cluster, which keeps three copies of every session and message.

    Its servers speak to each other unencrypted: they are on one machine, or in a network of theirs.

    Attributes:
        name: Of the server; it must stay, because what it holds is known by it.
        host: Address where the others reach it.
        port: For the others.
        others: Host and port of each of them.
        password: By which they know each other.
    """

    name: str
    host: str
    port: int
    others: Sequence[tuple[str, int]]
    password: str = field(repr=False)


def settings_text(
    folder: Path,
    host: str,
    *,
    ports: Mapping[str, int],
    tls: TlsFiles | None = None,
    doormen: Doormen | None = None,
    member: ClusterMember | None = None,
) -> str:
    """Return the configuration; nats-server reads JSON as well as its own format.

    Args:
        folder: For logs and messages.
        host: Address to listen on.
        ports: By use: ``mqtt``, and ``nats``, ``websocket`` and ``monitor`` where they are wanted.
        tls: Encrypts what devices and browsers say.
        doormen: Decide about clients; ``None`` lets everybody in.
        member: What it is in its cluster; ``None`` for a server by itself.
    """
    listener: JsonObject = {"host": host, "port": ports["mqtt"]}
    secured: JsonObject = {} if tls is None else {"tls": {**_tls(tls), **_asking(tls)}}
    mqtt: JsonObject = {**listener, **secured, "max_ack_pending": 1000}
    settings: dict[str, object] = {
        "server_name": "edgefleet",
        # NATS' own protocol, for those who decide about clients; else any free port
        "listen": f"127.0.0.1:{ports.get('nats', -1)}",
        "max_payload": _MAX_PAYLOAD_BYTES,
        "log_file": str(folder / "nats.log"),
        "logfile_size_limit": 10_000_000,
        "logfile_max_num": 3,
        "jetstream": {
            "store_dir": str(folder / "store"),
            "sync_interval": "100ms",
            "limits": {"default_max_consumers": 100_000},  # one for each subscription
        },
        "mqtt": mqtt,
    }
    if "websocket" in ports:
        private: JsonObject = {"no_tls": True} if tls is None else {"tls": _tls(tls)}
        settings["websocket"] = {**listener, **private, "port": ports["websocket"]}
    if "monitor" in ports:
        settings["http"] = f"127.0.0.1:{ports['monitor']}"
    if doormen is not None:
        settings["authorization"] = {
            "timeout": _PATIENCE_S,
            "users": [
                {"user": "admission", "password": doormen.callout_password},
                {"user": doormen.service_username, "password": doormen.service_password},
            ],
            "auth_callout": {
                "issuer": doormen.issuer,
                "auth_users": ["admission", doormen.service_username],
            },
        }
    if member is not None:
        settings.update(
            server_name=member.name,
            ping_interval="2s",  # so that whoever decides about clients notices a silent server
            cluster=_cluster(member),
        )
        settings["mqtt"] = {**mqtt, "stream_replicas": _REPLICAS}
    return json.dumps(settings, indent=2, ensure_ascii=False)


def _tls(files: TlsFiles) -> JsonObject:
    return {
        "cert_file": str(files.certificate.absolute()),
        "key_file": str(files.key.absolute()),
        "timeout": _PATIENCE_S,
    }


def _asking(files: TlsFiles) -> JsonObject:
    """Return what makes clients show a certificate; pages cannot, so it is for MQTT alone."""
    if not files.asks_clients or files.ca_certificate is None:
        return {}
    return {"ca_file": str(files.ca_certificate.absolute()), "verify": True}


def _cluster(member: ClusterMember) -> JsonObject:
    login: JsonObject = {"user": _CLUSTER, "password": member.password, "timeout": _PATIENCE_S}
    routes: list[JsonValue] = [
        f"nats://{_CLUSTER}:{member.password}@{_in_url(host)}:{port}"
        for host, port in member.others
    ]
    found: JsonObject = {
        "name": _CLUSTER,
        "listen": f"{_in_url(member.host)}:{member.port}",
        "authorization": login,
        "routes": routes,
        "no_advertise": True,  # clients know all of it, by the addresses that reach it from outside
    }
    return found


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
