"""Who looks at a page, and what they may do there."""

from fastapi import Request

from cloud_sync.api.answering import IDENTITY, SESSION
from cloud_sync.core.access import Identity, Role

__all__ = ["logged_in_as", "may_operate"]


def logged_in_as(request: Request) -> str:
    """Return the name of whoever has logged in; empty for who brings a token, or needs none."""
    identity: Identity | None = request.scope.get(IDENTITY)
    return identity.name if identity is not None and request.scope.get(SESSION) else ""


def may_operate(request: Request) -> bool:
    """Return whether whoever asks may give orders: buttons are shown to nobody else.

    The API asks again; what is hidden is refused there as well.
    """
    identity: Identity | None = request.scope.get(IDENTITY)
    return identity is None or identity.role.allows(Role.OPERATOR)
