"""What a page shows in place of what was asked for."""

from typing import Final

from fastapi.responses import HTMLResponse
from jinja2 import Environment

from cloud_sync.backend import NotFoundError
from edge_contract.errors import EdgeError, UnavailableError, UsageError

__all__ = ["refusal_page"]

_RETRY_AFTER_S: Final = 3


def refusal_page(templates: Environment, error: EdgeError) -> HTMLResponse:
    """Return a page that says why; where waiting helps it asks again by itself."""
    status, title = _status_and_title(error)
    is_passing = status >= 500
    html = templates.get_template("error.html").render(
        title=title, message=str(error), is_passing=is_passing
    )
    headers = {"Refresh": str(_RETRY_AFTER_S)} if is_passing else None
    return HTMLResponse(html, status, headers)


def _status_and_title(error: EdgeError) -> tuple[int, str]:
    match error:
        case NotFoundError():
            return 404, "There is no such page"
        case UsageError():
            return 409, "This cannot be shown"
        case UnavailableError():
            return 503, "This cannot be shown now"
        case _:
            return 500, "This cannot be shown now"
