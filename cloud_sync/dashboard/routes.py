"""Routes of the dashboard: the page, its parts that change, and its style and script."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cloud_sync.api.doors import Doors
from cloud_sync.backend import CloudBackend
from cloud_sync.core.facts import DeviceStatus
from cloud_sync.dashboard import wording
from cloud_sync.dashboard.evidence import gate_lines, plain_lines
from cloud_sync.dashboard.login_routes import add_login
from cloud_sync.dashboard.page import Question, page_of
from cloud_sync.dashboard.refusals import refusal_page
from cloud_sync.dashboard.roles import logged_in_as, may_operate
from cloud_sync.dashboard.side_routes import add_side_pages
from edge_contract.errors import EdgeError
from edge_contract.package import digest_of, short

__all__ = ["dashboard_routes", "dashboard_templates"]

_HERE: Final = Path(__file__).parent
_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_MOST_CACHED: Final = 64

_Text = Annotated[str, Query(max_length=200)]
_Filter = Annotated[str, Query(max_length=2000)]


@dataclass(frozen=True, slots=True)
class _Asset:
    """A file that the page loads; its address changes with its content."""

    content: bytes
    media_type: str
    address: str


class _Rendered:
    """The parts of the page that change, drawn once per revision however many people look."""

    def __init__(self, backend: CloudBackend, templates: Environment) -> None:
        self._backend = backend
        self._templates = templates
        self._lock = threading.Lock()
        self._html: dict[tuple[Question, bool], str] = {}
        self._revision: int | None = None

    def parts(self, question: Question, *, orders: bool) -> str:
        """Return the HTML for a question; with buttons for who may give orders."""
        revision = self._backend.revision()
        with self._lock:
            if revision != self._revision or len(self._html) >= _MOST_CACHED:
                self._html.clear()
                self._revision = revision
            known = self._html.get((question, orders))
        if known is not None:
            return known
        page = page_of(self._backend, question)
        html = self._templates.get_template("parts.html").render(page=page, may_operate=orders)
        with self._lock:
            if revision == self._revision:
                self._html[question, orders] = html
        return html


def dashboard_routes(backend: CloudBackend, doors: Doors) -> APIRouter:
    """Return the routes of the dashboard in front of a backend, and those that lead in."""
    assets, templates = _assets(), dashboard_templates()
    rendered = _Rendered(backend, templates)
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    def page(
        request: Request,
        status: DeviceStatus | None = None,
        after: _Text = "",
        focus: _Text = "",
        filter: _Filter = "",  # noqa: A002  its name in the address
    ) -> HTMLResponse:
        question = Question(status.value if status else "", after, focus, filter)
        try:
            parts = rendered.parts(question, orders=may_operate(request))
        except EdgeError as error:
            return refusal_page(templates, error)
        fleet = backend.summary().fleet
        return HTMLResponse(
            templates.get_template("page.html").render(
                parts=parts,
                fleet=fleet,
                parts_path="/parts",
                may_operate=may_operate(request),
                person=logged_in_as(request),
            )
        )

    @routes.get("/parts")
    def parts(
        request: Request,
        status: DeviceStatus | None = None,
        after: _Text = "",
        focus: _Text = "",
        filter: _Filter = "",  # noqa: A002  its name in the address
    ) -> HTMLResponse:
        question = Question(status.value if status else "", after, focus, filter)
        return HTMLResponse(rendered.parts(question, orders=may_operate(request)))

    add_side_pages(routes, backend, templates)
    add_login(routes, doors, templates)
    for asset in assets.values():
        routes.add_api_route(asset.address, _sender(asset), methods=["GET"])
    return routes


@cache
def _assets() -> Mapping[str, _Asset]:
    found = {}
    for path in sorted((_HERE / "static").iterdir()):
        content = path.read_bytes()
        address = f"/static/{path.stem}-{short(digest_of(content))}{path.suffix}"
        found[path.name] = _Asset(content, _MEDIA_TYPES[path.suffix], address)
    return found


def _sender(asset: _Asset) -> Callable[[], Response]:
    return lambda: Response(asset.content, media_type=asset.media_type, headers=_FOR_EVER)


@cache
def dashboard_templates() -> Environment:
    """Return the templates, compiled: the first who opens a page does not wait for that."""
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        decimal=wording.decimal,
        file_size=wording.file_size,
        number=wording.number,
        score=wording.score,
        share=wording.share,
        tone=wording.tone,
        when=wording.when,
        words=wording.words,
        gates=gate_lines,
        lines=plain_lines,
    )
    templates.globals["assets"] = {name: asset.address for name, asset in _assets().items()}
    for name in templates.list_templates():
        templates.get_template(name)
    return templates
