"""``edgefleet agent``: run an agent, configure it, look at one, score files."""

import typer

from edgefleet.commands.agent.config import config
from edgefleet.commands.agent.explain import explain_telemetry
from edgefleet.commands.agent.install import install
from edgefleet.commands.agent.join import register as register_joining
from edgefleet.commands.agent.run import run
from edgefleet.commands.agent.score import score
from edgefleet.commands.agent.status import status

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    agent_app = typer.Typer(
        name="agent",
        help="Run a model on this device.",
        no_args_is_help=True,
        rich_markup_mode="rich",
    )
    agent_app.command(
        epilog="Example: edgefleet agent run digits --cloud mqtt://127.0.0.1:1883 < rows.jsonl"
    )(run)
    agent_app.command(
        name="config",
        help="Print as TOML what `edgefleet agent run` with the same arguments would go by.",
        epilog="Example: edgefleet agent config --config /etc/edgefleet/agent.toml",
    )(config)
    agent_app.command(epilog="Example: edgefleet agent status --state /var/lib/edgefleet --json")(
        status
    )
    agent_app.command(
        epilog="Example: edgefleet agent score rows.parquet answers.parquet "
        "--model digits-1.0.0.modelpkg"
    )(score)
    agent_app.command(epilog="Example: sudo edgefleet agent install")(install)
    agent_app.command(
        "explain-telemetry", epilog="Example: edgefleet agent explain-telemetry --device cam-07"
    )(explain_telemetry)
    register_joining(agent_app)
    app.add_typer(agent_app)
