"""``edgefleet broker config``: files for a broker of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from edge_contract.errors import UsageError
from edgefleet.options import CloudUrl, examples, sub_app
from edgefleet.printing import print_line

__all__ = ["register"]

_KINDS = ("mosquitto", "nats")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Let a broker of your own admit devices that joined, and nobody else.")
    group.callback()(_group)
    group.command(
        epilog=examples(
            "edgefleet broker config mosquitto --out broker --host 0.0.0.0 --tls tls",
            "edgefleet broker config nats --out broker",
            "edgefleet broker config nats --cluster 3 --out cluster",
        )
    )(config)
    app.add_typer(group, name="broker")


def _group() -> None:
    """Let a broker of your own admit devices that joined, and nobody else."""


def config(  # noqa: PLR0917  one argument per option
    kind: Annotated[str, typer.Argument(metavar="mosquitto|nats", help="Which broker it is.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files.")],
    fleet: Annotated[str, typer.Option(help="Name of the fleet.")] = "default",
    host: Annotated[str, typer.Option(help="Address that it listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="For devices.")] = 1883,
    websocket_port: Annotated[int | None, typer.Option(help="For browsers.")] = None,
    nats_port: Annotated[
        int, typer.Option(help="On its own machine, where the cloud says who may connect (nats).")
    ] = 4222,
    cluster: Annotated[
        int | None,
        typer.Option(
            metavar="SERVERS",
            help="Files for so many servers on this machine, 3 or 5, which keep three copies of "
            "everything; each has the ports after those of the one before it (nats).",
        ),
    ] = None,
    cluster_port: Annotated[
        int, typer.Option(help="Where the servers of a cluster hear each other, on this machine.")
    ] = 6222,
    tls: Annotated[Path | None, typer.Option(help="Folder of `edgefleet ca init`.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Your own certificate, PEM.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    collector: Annotated[
        list[str] | None,
        typer.Option(help="Name of a collector beside the cloud (again for more; mosquitto)."),
    ] = None,
    client_certificates: Annotated[
        bool,
        typer.Option(
            "--client-certificates",
            help="Ask devices for the certificate that they got when they joined (with --tls).",
        ),
    ] = False,
    from_cloud: Annotated[
        bool,
        typer.Option(
            "--from-cloud",
            help="Write the passwords of the devices that have joined now, for a broker on a "
            "machine of its own (mosquitto). A cloud with --broker-files writes them by itself.",
        ),
    ] = False,
    cloud: CloudUrl = "",
) -> None:
    """Write configuration, rights and passwords for mosquitto or nats-server.

    Every device may speak and listen under its own topics alone, with its own name as client id.
    Then start the broker with the file that is named last, and the cloud with --broker and
    --broker-files. Running this again changes no secret.
    """
    from cloud_sync.adapters.mosquitto_files import MosquittoFiles
    from cloud_sync.adapters.nats_files import NatsFiles
    from cloud_sync.exposure import require_tls
    from cloud_sync.tls_files import TlsFiles

    if kind not in _KINDS:
        raise UsageError(f"{kind!r} is no broker that there are files for: {' or '.join(_KINDS)}")
    files = TlsFiles.of(tls, tls_cert, tls_key, asks_clients=client_certificates)
    require_tls(host, has_tls=files is not None, broker=None)
    scheme = "mqtt" if files is None else "mqtts"
    if cluster is not None and kind != "nats":
        raise UsageError("--cluster is for nats: mosquitto has no clusters")
    brokers = [f"HOST:{port + number}" for number in range(cluster or 1)]
    if cluster is not None:
        for path in NatsFiles(out).write_cluster(
            cluster,
            host=host,
            port=port,
            nats_port=nats_port,
            cluster_port=cluster_port,
            websocket_port=websocket_port,
            tls=files,
        ):
            print_line(f"nats-server --config {path}")
    elif kind == "nats":
        server = NatsFiles(out)
        server.write(
            host=host, port=port, nats_port=nats_port, websocket_port=websocket_port, tls=files
        )
        print_line(f"nats-server --config {server.config}")
    else:
        mosquitto = MosquittoFiles(out)
        mosquitto.write(
            fleet,
            host=host,
            port=port,
            websocket_port=websocket_port,
            tls=files,
            collectors=collector or [],
        )
        if from_cloud or collector or not mosquitto.has_passwords:
            mosquitto.write_passwords(_hashes(cloud) if from_cloud else mosquitto.hashes())
        print_line(f"mosquitto -c {mosquitto.config}")
    more = f" --tls {tls} --client-certificates" if client_certificates else ""
    url = f"{scheme}://{','.join(brokers)}"
    print_line(f"edgefleet cloud run --broker {url} --broker-files {out}{more}")


def _hashes(cloud: str) -> dict[str, str]:
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        return connection.broker_passwords()
