"""Routes of the pages beside the fleet's: devices, versions, rollouts, alarms, commands, audit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from cloud_sync.backend import CloudBackend
from cloud_sync.core.records import CommandState
from cloud_sync.dashboard.alarm_pages import alarm_page_of, alarms_page_of
from cloud_sync.dashboard.device_page import device_page_of
from cloud_sync.dashboard.people_pages import audit_page_of, command_page_of, commands_page_of
from cloud_sync.dashboard.refusals import refusal_page
from cloud_sync.dashboard.roles import logged_in_as, may_operate
from cloud_sync.dashboard.rollout_pages import rollout_page_of, rollouts_page_of
from cloud_sync.dashboard.version_page import version_page_of
from edge_contract.errors import EdgeError

__all__ = ["add_side_pages"]

_Text = Annotated[str, Query(max_length=200)]
_Name = Annotated[str, Path(max_length=200)]
_AlarmState = Annotated[str, Query(pattern="^(new|acknowledged)?$")]
_Number = Annotated[int, Query(ge=1, le=2**53)]


_Ask = Callable[[CloudBackend, str], object]

_LISTS: Final[Mapping[str, tuple[str, _Ask]]] = {
    "commands": ("commands_parts.html", commands_page_of),
    "rollouts": ("rollouts_parts.html", rollouts_page_of),
}
_SINGLE: Final[Mapping[str, tuple[str, _Ask]]] = {
    "devices": ("device_parts.html", device_page_of),
    "alarms": ("alarm_parts.html", alarm_page_of),
    "rollouts": ("rollout_parts.html", rollout_page_of),
}


@dataclass(frozen=True, slots=True)
class _Pages:
    """Draws a page, or only its changing parts."""

    backend: CloudBackend
    templates: Environment

    def draw(
        self,
        template: str,
        address: str,
        ask: Callable[[], object],
        *,
        whole: bool,
        request: Request,
    ) -> HTMLResponse:
        orders = may_operate(request)
        try:
            parts = self.templates.get_template(template).render(page=ask(), may_operate=orders)
            fleet = self.backend.summary().fleet
        except EdgeError as error:
            return refusal_page(self.templates, error)
        if not whole:
            return HTMLResponse(parts)
        page = self.templates.get_template("side.html").render(
            parts=parts,
            fleet=fleet,
            may_operate=orders,
            person=logged_in_as(request),
            heading=address.strip("/").replace("/", " "),
            parts_path=f"/parts{address}",
        )
        return HTMLResponse(page)


def add_side_pages(routes: APIRouter, backend: CloudBackend, templates: Environment) -> None:
    """Add the pages; each has its changing parts by themselves under ``/parts``."""
    pages = _Pages(backend, templates)
    for prefix, whole in (("", True), ("/parts", False)):
        for kind in _LISTS:
            routes.add_api_route(f"{prefix}/{kind}", _list_of(kind, pages, whole=whole))
        for kind in _SINGLE:
            routes.add_api_route(f"{prefix}/{kind}/{{name}}", _single(kind, pages, whole=whole))
        routes.add_api_route(f"{prefix}/commands/{{command_id}}", _command(pages, whole=whole))
        routes.add_api_route(f"{prefix}/audit", _audit(pages, whole=whole))
        routes.add_api_route(f"{prefix}/alarms", _alarms(pages, whole=whole))
        version = f"{prefix}/models/{{model}}/{{version}}"
        routes.add_api_route(version, _version(pages, whole=whole))


def _list_of(kind: str, pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    """Return what answers for a list that is turned over page by page."""
    template, ask = _LISTS[kind]

    def show(request: Request, after: _Text = "") -> HTMLResponse:
        return pages.draw(
            template,
            f"/{kind}",
            lambda: ask(pages.backend, after),
            whole=whole,
            request=request,
        )

    return show


def _single(kind: str, pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    """Return what answers for one thing by its name."""
    template, ask = _SINGLE[kind]

    def show(request: Request, name: _Name) -> HTMLResponse:
        return pages.draw(
            template,
            f"/{kind}/{name}",
            lambda: ask(pages.backend, name),
            whole=whole,
            request=request,
        )

    return show


def _command(pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    def show(
        request: Request, command_id: _Name, state: CommandState | None = None, after: _Text = ""
    ) -> HTMLResponse:
        wanted = state.value if state else ""
        return pages.draw(
            "command_parts.html",
            f"/commands/{command_id}",
            lambda: command_page_of(pages.backend, command_id, state=wanted, after=after),
            whole=whole,
            request=request,
        )

    return show


def _audit(pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    def show(request: Request, action: _Text = "", before: _Number | None = None) -> HTMLResponse:
        return pages.draw(
            "audit_parts.html",
            "/audit",
            lambda: audit_page_of(pages.backend, action=action, before=before),
            whole=whole,
            request=request,
        )

    return show


def _alarms(pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    def show(
        request: Request, model: _Text = "", state: _AlarmState = "", after: _Text = ""
    ) -> HTMLResponse:
        return pages.draw(
            "alarms_parts.html",
            "/alarms",
            lambda: alarms_page_of(pages.backend, model=model, state=state, after=after),
            whole=whole,
            request=request,
        )

    return show


def _version(pages: _Pages, *, whole: bool) -> Callable[..., HTMLResponse]:
    def show(request: Request, model: _Name, version: _Name, segment: _Text = "") -> HTMLResponse:
        return pages.draw(
            "version_parts.html",
            f"/models/{model}/{version}",
            lambda: version_page_of(pages.backend, model, version, segment=segment),
            whole=whole,
            request=request,
        )

    return show
