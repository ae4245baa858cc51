"""``edgefleet agent join`` and ``renew``: membership in a fleet, as a device sees it."""

from pathlib import Path
from typing import Annotated

import typer

from edgefleet.commands.agent import options as opt
from edgefleet.commands.agent.run_options import PlainText
from edgefleet.options import examples
from edgefleet.printing import print_line

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=examples("edgefleet agent join efj_eyJ1Ijo... --device cam-07"))(join)
    app.command(epilog=examples("edgefleet agent renew --device cam-07"))(renew)


def join(
    token: Annotated[
        str,
        typer.Argument(
            help="What `edgefleet fleet enroll` printed; - reads it from standard input.",
            envvar="EDGEFLEET_JOIN_TOKEN",
        ),
    ],
    device: opt.Device = None,
    state: opt.State = None,
    plain_text: PlainText = False,
) -> None:
    """Join a fleet: make a key here, prove the token, keep what the cloud gives.

    Afterwards `edgefleet agent run MODEL` needs no --cloud and no password.
    """
    from edge_agent.config import default_device, default_state_folder
    from edge_agent.joining import join as join_fleet
    from edge_contract.enrolment import JoinToken

    is_piped = token.strip().startswith("-")
    text = typer.get_text_stream("stdin").readline() if is_piped else token
    name = device or default_device()
    folder = state or default_state_folder(JoinToken.parse(text).fleet, name)
    identity = join_fleet(text, device=name, state=Path(folder), plain_text=plain_text)
    given = identity.membership
    print_line(f"{given.device} is a member of fleet {given.fleet}, by {identity.cloud}")
    print_line(f"kept in {folder}; now: edgefleet agent run MODEL --device {given.device}")


def renew(device: opt.Device = None, fleet: opt.Fleet = "default", state: opt.State = None) -> None:
    """Get another password, and certificate, for the key of this device.

    The old password is good for a day. A running agent takes the new one at its next start.
    """
    from edge_agent.config import default_device, default_state_folder
    from edge_agent.joining import renew as renew_credential

    folder = Path(state or default_state_folder(fleet, device or default_device()))
    identity = renew_credential(folder)
    print_line(f"{identity.membership.device} has a new password, in {folder}")
