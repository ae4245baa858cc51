"""Routes of the pages beside the fleet's: a device, commands, and who did what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from cloud_sync.backend import CloudBackend, NotFoundError
from cloud_sync.core.records import CommandState
from cloud_sync.dashboard.device_page import device_page_of
from cloud_sync.dashboard.people_pages import audit_page_of, command_page_of, commands_page_of
from edge_contract.errors import EdgeError, UnavailableError

__all__ = ["add_side_pages"]

_Text = Annotated[str, Query(max_length=200)]
_Name = Annotated[str, Path(max_length=200)]
_Number = Annotated[int, Query(ge=1, le=2**53)]


@dataclass(frozen=True, slots=True)
class _Pages:
    """Draws a page, or only its changing parts."""

    backend: CloudBackend
    templates: Environment

    def draw(
        self, template: str, address: str, ask: Callable[[], object], *, whole: bool
    ) -> HTMLResponse:
        try:
            parts = self.templates.get_template(template).render(page=ask())
            fleet = self.backend.summary().fleet
        except EdgeError as error:
            html = self.templates.get_template("error.html").render(message=str(error))
            return HTMLResponse(html, _status_of(error))
        if not whole:
            return HTMLResponse(parts)
        page = self.templates.get_template("side.html").render(
            parts=parts,
            fleet=fleet,
            heading=address.strip("/").replace("/", " "),
            parts_path=f"/parts{address}",
        )
        return HTMLResponse(page)


def add_side_pages(routes: APIRouter, backend: CloudBackend, templates: Environment) -> None:
    """Add the pages; each has its changing parts by themselves under ``/parts``."""
    pages = _Pages(backend, templates)
    for prefix, whole in (("", True), ("/parts", False)):
        routes.add_api_route(f"{prefix}/devices/{{name}}", _device(pages, whole=whole))
        routes.add_api_route(f"{prefix}/commands", _commands(pages, whole=whole))
        routes.add_api_route(f"{prefix}/commands/{{command_id}}", _command(pages, whole=whole))
        routes.add_api_route(f"{prefix}/audit", _audit(pages, whole=whole))


def _device(pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    def show(name: _Name) -> HTMLResponse:
        return pages.draw(
            "device_parts.html",
            f"/devices/{name}",
            lambda: device_page_of(pages.backend, name),
            whole=whole,
        )

    return show


def _commands(pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    def show(after: _Text = "") -> HTMLResponse:
        return pages.draw(
            "commands_parts.html",
            "/commands",
            lambda: commands_page_of(pages.backend, after),
            whole=whole,
        )

    return show


def _command(pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    def show(
        command_id: _Name, state: CommandState | None = None, after: _Text = ""
    ) -> HTMLResponse:
        wanted = state.value if state else ""
        return pages.draw(
            "command_parts.html",
            f"/commands/{command_id}",
            lambda: command_page_of(pages.backend, command_id, state=wanted, after=after),
            whole=whole,
        )

    return show


def _audit(pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    def show(action: _Text = "", before: _Number | None = None) -> HTMLResponse:
        return pages.draw(
            "audit_parts.html",
            "/audit",
            lambda: audit_page_of(pages.backend, action=action, before=before),
            whole=whole,
        )

    return show


def _status_of(error: EdgeError) -> int:
    match error:
        case NotFoundError():
            return 404
        case UnavailableError():
            return 503
        case _:
            return 500
