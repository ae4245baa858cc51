"""Environment variables that the command line and the client read."""

from typing import Final

__all__ = [
    "CA_VARIABLE",
    "CLOUD_VARIABLE",
    "DEFAULT_URL",
    "PLAIN_TEXT_VARIABLE",
    "TOKEN_VARIABLE",
]

CLOUD_VARIABLE: Final = "EDGEFLEET_CLOUD"
"""Address of the cloud's API."""

TOKEN_VARIABLE: Final = "EDGEFLEET_TOKEN"  # noqa: S105  the name of one, not a token
"""Token for it, if it asks for one."""

CA_VARIABLE: Final = "EDGEFLEET_CA"
"""File with the certificates to trust for it, if not the system's."""

PLAIN_TEXT_VARIABLE: Final = "EDGEFLEET_PLAIN_TEXT"
"""Whether secrets may travel unencrypted beyond this machine."""

DEFAULT_URL: Final = "http://127.0.0.1:8080"
