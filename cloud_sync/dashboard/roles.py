"""Who looks at a page, and what they may do there."""

from fastapi import Request

from cloud_sync.api.answering import IDENTITY
from cloud_sync.core.access import Identity, Role

__all__ = ["may_operate"]


def may_operate(request: Request) -> bool:
    """Return whether whoever asks may give orders: buttons are shown to nobody else.

    The API asks again; what is hidden is refused there as well.
    """
    identity: Identity | None = request.scope.get(IDENTITY)
    return identity is None or identity.role.allows(Role.OPERATOR)
