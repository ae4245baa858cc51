"""Refusals: why a request is not answered, with the HTTP status that says so."""

import logging
from http import HTTPStatus
from typing import Final

from edge_contract.errors import EdgeError, UnavailableError, UsageError

__all__ = ["RefusedError", "refusal_of"]

_log = logging.getLogger("edgefleet.agent")

_RETRY_S: Final = 1


class RefusedError(EdgeError):
    """A request that is not answered.

    Attributes:
        status: Says who has to act: 4xx the client, 5xx the server.
        retry_after_s: After how many seconds the same request may succeed; ``None`` if it will not.
    """

    def __init__(self, status: HTTPStatus, text: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after_s = retry_after_s

    @classmethod
    def bad(cls, text: str) -> "RefusedError":
        """Return the refusal of a request that is wrong in itself."""
        return cls(HTTPStatus.BAD_REQUEST, text)

    @classmethod
    def busy(cls, text: str) -> "RefusedError":
        """Return the refusal of a request for which there is no room now."""
        return cls(HTTPStatus.TOO_MANY_REQUESTS, text, retry_after_s=_RETRY_S)

    @classmethod
    def not_now(cls, text: str) -> "RefusedError":
        """Return the refusal of any request while there is no model, or no longer one."""
        return cls(HTTPStatus.SERVICE_UNAVAILABLE, text, retry_after_s=_RETRY_S)


def refusal_of(error: Exception) -> RefusedError:
    """Return an error of the agent as what a client is told.

    A defect of ours is logged here, and the client learns only that there was one.
    """
    match error:
        case RefusedError():
            return error
        case UsageError():
            return RefusedError.bad(str(error))
        case UnavailableError():  # the model failed on these rows: the next ones may be answered
            return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        case _:
            _log.error("a defect in serving: one request is not answered", exc_info=error)
            text = f"a defect of the server: {type(error).__name__}; its log says more"
            return RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, text)
