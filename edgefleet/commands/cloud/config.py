"""``edgefleet cloud config``."""

import functools
from typing import Final
from urllib.parse import urlsplit

import typer

from edgefleet.commands.cloud.config_file import KEYS
from edgefleet.commands.cloud.run import run
from edgefleet.config_file import print_settings

__all__ = ["config"]

_SECRETS: Final = ("broker_password", "keys_password", "token")


@functools.wraps(run)
def config(ctx: typer.Context, **values: object) -> None:
    """Print as TOML what ``edgefleet cloud run`` with the same arguments would go by."""
    store = values["store"]
    secrets = [*_SECRETS]
    if isinstance(store, str) and urlsplit(store).password:
        secrets.append("store")
    print_settings(ctx, values, keys=KEYS, secrets=secrets)
