"""Settings of the API."""

from dataclasses import dataclass

__all__ = ["ApiSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Who may use the API, and how much they may send.

    Attributes:
        token: An admin's, beside those that were made by the API. As soon as there is any token,
            everybody is asked for one, as ``Authorization: Bearer TOKEN`` (a browser sends it as
            the password of HTTP Basic, with any user name). Model files stay open to whoever knows
            their digest, because devices have no token.
        allowed_hosts: Names in the header ``Host`` that are answered; empty for all. The server
            fills it on loopback, where a web site could otherwise reach the API by pointing its
            own name there.
        open_to_network: Whether the server may listen beyond loopback without a token.
        max_package_bytes: Largest model package that can be pushed.
        max_json_bytes: Largest other request.
    """

    token: str = ""
    allowed_hosts: tuple[str, ...] = ()
    open_to_network: bool = False
    max_package_bytes: int = 512 * 2**20
    max_json_bytes: int = 2**20
