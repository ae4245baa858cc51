"""``edgefleet agent install``."""

import os
import platform
import re
from pathlib import Path
from typing import Annotated

import typer

from edge_contract.errors import UnavailableError, UsageError
from edgefleet.commands.agent.config_file import defaults_in
from edgefleet.systemd_unit import ServiceUnit

__all__ = ["install"]

_EXAMPLE = """\
model = "digits"
cloud = "mqtts://cloud.example:8883"
"""


def install(
    config: Annotated[
        Path | None,
        typer.Option(
            help="The agent's configuration; by default /etc/edgefleet/agent.toml, and with --user "
            "~/.config/edgefleet/agent.toml."
        ),
    ] = None,
    user: Annotated[
        bool, typer.Option("--user", help="For this user alone; needs no administrator.")
    ] = False,
    run_as: Annotated[
        str, typer.Option(help="User that the service runs as; by default one made for it.")
    ] = "",
    name: Annotated[str, typer.Option(help="Of the service.")] = "edgefleet-agent",
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the unit instead of writing it.")
    ] = False,
) -> None:
    """Write a systemd unit, so that the agent starts with the machine and is kept alive.

    Its state lies in /var/lib/NAME. Secrets belong into a file beside the configuration that only
    the administrator reads, agent.env, as EDGEFLEET_BROKER_PASSWORD=... and so on.
    """
    if platform.system() != "Linux":
        raise UsageError(
            f"this is {platform.system()}, and systemd is a part of Linux: let the service manager "
            "here run `edgefleet agent run --config agent.toml`"
        )
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) is None:
        raise UsageError(f"{name!r} cannot name a service: use letters, digits, _ . and -")
    if re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}|", run_as) is None or (run_as and user):
        raise UsageError(
            f"the service cannot run as {run_as!r}: give the name of a user, and no --user"
        )
    unit = ServiceUnit(
        config=(config or _default_config(user=user)).absolute(),
        name=name,
        for_user=user,
        run_as=run_as,
    )
    if print_only:
        typer.echo(unit.text(), nl=False)
        return
    _check(unit.config)
    _write(unit)
    scope = "systemctl --user" if user else "systemctl"
    typer.echo(f"wrote {unit.path}; now start it:")
    typer.echo(f"  {scope} daemon-reload")
    typer.echo(f"  {scope} enable --now {name}")
    if user:
        typer.echo("  loginctl enable-linger    # or it ends when you log out")


def _default_config(*, user: bool) -> Path:
    folder = Path.home() / ".config" if user else Path("/etc")
    return folder / "edgefleet" / "agent.toml"


def _check(config: Path) -> None:
    """Refuse to install what could not start."""
    if not config.exists():
        raise UsageError(
            f"there is no configuration at {str(config)!r}; write one, for example:\n{_EXAMPLE}"
        )
    if "model" not in defaults_in(config):
        raise UsageError(f"{str(config)!r} names no model: add a line like model = 'digits'")


def _write(unit: ServiceUnit) -> None:
    new = unit.path.with_name(f"{unit.path.name}.new")
    try:
        unit.path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(unit.text())
        new.chmod(0o644)
        new.replace(unit.path)
    except OSError as error:
        advice = "" if unit.for_user or os.geteuid() == 0 else "; run it with sudo, or with --user"
        raise UnavailableError(
            f"cannot write {str(unit.path)!r}: {error.strerror}{advice}"
        ) from error
