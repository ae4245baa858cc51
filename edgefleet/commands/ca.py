"""``edgefleet ca``: a certificate authority for a small fleet."""

from pathlib import Path
from typing import Annotated

import typer

from edgefleet.options import examples, sub_app
from edgefleet.printing import print_line

__all__ = ["register"]

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="For keys and certificates.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option(
        "--host",
        help="Name or address by which devices reach the cloud (again for more); this machine's "
        "own names are always in.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Make certificates for a small fleet, so that everything is encrypted.")
    group.command(
        epilog=examples(
            "edgefleet ca init tls --host cloud.example --host 192.168.1.5",
            "edgefleet cloud run --host 0.0.0.0 --tls tls",
        )
    )(init)
    group.command(epilog=examples("edgefleet ca issue tls --host cloud.example"))(issue)
    app.add_typer(group, name="ca")


def init(
    folder: Folder,
    host: Hosts = None,
    name: Annotated[str, typer.Option(help="Of the authority.")] = "edgefleet",
) -> None:
    """Make an authority, and a certificate of the cloud that it signs.

    Devices that join learn by their token which authority is the right one. Keep ca-key.pem to
    yourself: who has it can pass for the cloud. Moved elsewhere, the cloud runs without it and
    gives no certificates to devices.
    """
    from cloud_sync.adapters.local_authority import issue_server, make_authority

    make_authority(folder, name=name, hosts=host or [])
    until = issue_server(folder, host or [])
    print_line(f"{folder / 'ca.pem'}: what devices and people trust (EDGEFLEET_CA)")
    print_line(f"{folder / 'ca-key.pem'}: signs certificates; secret")
    print_line(f"{folder / 'server.pem'}, server-key.pem: the cloud's, until {until:%Y-%m-%d}")
    print_line(f"now: edgefleet cloud run --tls {folder}")


def issue(folder: Folder, host: Hosts = None) -> None:
    """Make the cloud's certificate anew, for other names or before it ends; then restart it."""
    from cloud_sync.adapters.local_authority import issue_server

    until = issue_server(folder, host or [])
    print_line(f"{folder / 'server.pem'} is good until {until:%Y-%m-%d}; restart the cloud")
