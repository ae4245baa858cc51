"""``edgefleet agent config``."""

import functools
from typing import Final

import typer

from edgefleet.commands.agent.config_file import KEYS
from edgefleet.commands.agent.run import run
from edgefleet.config_file import print_settings

__all__ = ["config"]

_SECRETS: Final = ("password", "salt")


@functools.wraps(run)
def config(ctx: typer.Context, **values: object) -> None:
    """Print as TOML what ``edgefleet agent run`` with the same arguments would go by."""
    print_settings(ctx, values, keys=KEYS, secrets=_SECRETS)
