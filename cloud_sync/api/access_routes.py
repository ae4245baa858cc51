"""Routes about people: who asks, tokens, and the record of who did what."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.api.answering import (
    IDENTITY,
    NEEDS_JSON,
    Author,
    Backend,
    Limit,
    TokenId,
    described,
    described_list,
    list_answer,
    view_answer,
)
from cloud_sync.backend import AuditView, NewTokenView, TokenView
from cloud_sync.core.access import Identity, Role, Scope

__all__ = ["access_routes"]

access_routes = APIRouter(tags=["access"])

_Action = Annotated[str, Query(pattern=r"^$|^[a-z][a-z0-9.-]{0,100}$")]
_Number = Annotated[int, Query(ge=1, le=2**53)]


class TokenRequest(BaseModel):
    """A token to make: for whom or what, what it allows, where, and for how long."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    label: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    role: Role = Role.VIEWER
    scopes: frozenset[Scope] = frozenset()
    expires_s: Annotated[float, Field(gt=0, le=20 * 366 * 86_400)] | None = None


@access_routes.get("/me")
def me(request: Request) -> Response:
    """Return name, role and scopes of whoever asks; an open API has no names."""
    identity: Identity | None = request.scope.get(IDENTITY)
    if identity is None:
        return JSONResponse({"name": "", "role": Role.ADMIN.value, "scopes": []})
    scopes = sorted(scope.value for scope in identity.scopes)
    return JSONResponse({"name": identity.name, "role": identity.role.value, "scopes": scopes})


@access_routes.get("/tokens", responses=described_list(TokenView))
def tokens(backend: Backend) -> Response:
    """Return all tokens, the oldest first, without their secrets. Needs the role admin."""
    return list_answer(backend.access.tokens())


@access_routes.post(
    "/tokens",
    status_code=201,
    dependencies=[NEEDS_JSON],
    responses=described(NewTokenView, status=201),
)
def create_token(backend: Backend, by: Author, request: TokenRequest) -> Response:
    """Make a token; its secret is in this answer and nowhere else. Needs the role admin."""
    made = backend.access.create(
        request.label,
        role=request.role,
        scopes=request.scopes,
        expires_s=request.expires_s,
        by=by,
    )
    return view_answer(made, status=201, location=f"/api/v1/tokens/{made.token.token_id}")


@access_routes.post("/tokens/{token_id}/revoke", responses=described(TokenView))
def revoke_token(backend: Backend, by: Author, token_id: TokenId) -> Response:
    """End a token. Needs the role admin."""
    return view_answer(backend.access.revoke(token_id, by=by))


@access_routes.get("/audit", responses=described_list(AuditView))
def audit(
    backend: Backend, before: _Number | None = None, action: _Action = "", limit: Limit = 100
) -> Response:
    """Return who did what, newest first. Needs the role operator.

    ``action`` keeps one kind, ``rollout.start``, or all that begin so, ``rollout``; ``next`` is
    what to send as ``before`` to get the next page.
    """
    found = backend.audit(limit=limit + 1, before=before, action=action)
    page = found[:limit]
    return list_answer(page, after=str(page[-1].number) if len(found) > limit else None)
