"""Routes for those who merge the windows of several cells."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import StringConstraints

from cloud_sync.api.answering import Backend, described, described_list, list_answer, view_answer
from cloud_sync.cell_views import CellStateView, CellView, CellWindowView
from cloud_sync.ports.cells import WindowPlace
from edge_contract.names import NAME_PATTERN
from edge_contract.package.digests import DIGEST_PATTERN

__all__ = ["cell_routes"]

cell_routes = APIRouter(tags=["cells"])

_Digest = Annotated[str, Path(pattern=f"^{DIGEST_PATTERN}$")]
_Role = Annotated[str, Path(pattern=f"^{NAME_PATTERN}$")]
_Place = Annotated[str, StringConstraints(pattern=r"^\d{1,11},\d{1,5}$")]


@cell_routes.get("/cell", responses=described(CellView))
def cell(backend: Backend) -> Response:
    """Return the packages and roles that this cell has windows of, and what tells their state."""
    return view_answer(backend.cell.cell())


@cell_routes.get("/cell/{package}/{role}", responses=described(CellStateView))
def state(backend: Backend, package: _Digest, role: _Role) -> Response:
    """Return all windows of a package in a role, without what they hold."""
    return view_answer(backend.cell.state(package, role))


@cell_routes.get("/cell/{package}/{role}/windows", responses=described_list(CellWindowView))
def windows(
    backend: Backend,
    package: _Digest,
    role: _Role,
    at: Annotated[list[_Place], Query(max_length=100)],
) -> Response:
    """Return windows as they are now; ``at`` is start and length, ``1767225600,60``, up to 100."""
    places = [WindowPlace(*map(int, text.split(","))) for text in at]
    return list_answer(backend.cell.windows(package, role, places))
