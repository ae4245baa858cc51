"""``edgefleet cloud``: run the cloud, configure it, give access to it, save and restore it."""

import typer

from edgefleet.commands.cloud.backup import backup, restore
from edgefleet.commands.cloud.collect import collect
from edgefleet.commands.cloud.config import config
from edgefleet.commands.cloud.people import audit, register_tokens
from edgefleet.commands.cloud.rollup import rollup
from edgefleet.commands.cloud.run import run
from edgefleet.options import examples, sub_app

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    group = sub_app("Run the cloud of a fleet.")
    group.command(
        epilog=examples(
            "edgefleet cloud run --data ./cloud --interval 10",
            "edgefleet cloud run --config /etc/edgefleet/cloud.toml",
        )
    )(run)
    group.command(
        name="config",
        help="Print as TOML what `edgefleet cloud run` with the same arguments would go by.",
        epilog=examples("edgefleet cloud config --config /etc/edgefleet/cloud.toml"),
    )(config)
    group.command(
        epilog=examples(
            "edgefleet cloud collect --name two --store postgresql://localhost/fleet "
            "--broker mqtt://localhost"
        )
    )(collect)
    group.command(
        epilog=examples(
            "edgefleet cloud rollup --data ./world --cell oslo=https://oslo.example --once",
            "edgefleet cloud rollup --cell oslo=https://oslo.example "
            "--cell lund=https://lund.example",
        )
    )(rollup)
    register_tokens(group)
    group.command(
        epilog=examples("edgefleet cloud audit", "edgefleet cloud audit --action rollout --json")
    )(audit)
    group.command(epilog=examples("edgefleet cloud backup monday.tar --data ./cloud"))(backup)
    group.command(epilog=examples("edgefleet cloud restore monday.tar --data ./cloud"))(restore)
    app.add_typer(group, name="cloud")
