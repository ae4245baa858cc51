"""Every refusal of the API: problem details as RFC 9457 describes them, and who maps to what.

The rule: the API itself checks the *form* of a request (422). What a well-formed request asks for
may be missing (``NotFoundError``: 404) or impossible as things stand (``UsageError``: 409).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from cloud_sync.backend import NotFoundError
from cloud_sync.core.device_filter import FilterError
from cloud_sync.core.enrolment import DeniedError
from edge_contract.errors import EdgeError, PackageError, PeerError, UnavailableError, UsageError
from edge_contract.reading import JsonValue

__all__ = [
    "PROBLEMS",
    "PROBLEMS_PATH",
    "ApiError",
    "ProblemKind",
    "add_problem_handlers",
    "problem_response",
    "problem_schema",
]

PROBLEMS_PATH: Final = "/api/v1/problems"
RETRY_AFTER_S: Final = 2


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of refusal; its ``type`` in a problem is ``PROBLEMS_PATH/name``."""

    name: str
    status: int
    title: str
    advice: str


PROBLEMS: Final = {
    kind.name: kind
    for kind in (
        ProblemKind("malformed", 400, "Malformed request", "Send what the API document says."),
        ProblemKind("unauthorized", 401, "Token needed", "Send 'Authorization: Bearer TOKEN'."),
        ProblemKind("forbidden", 403, "Refused", "Another web site may not give orders here."),
        ProblemKind("not-allowed", 403, "Not allowed", "Use a token with the role it names."),
        ProblemKind("denied", 403, "Not proven", "Ask who runs the fleet for a join token."),
        ProblemKind("not-found", 404, "Not found", "Look at the list that it should be in."),
        ProblemKind("wrong-method", 405, "Wrong method", "See the header 'Allow'."),
        ProblemKind("conflict", 409, "Not possible as things stand", "Read the detail."),
        ProblemKind("under-way", 409, "Under way", "Look at what came of the first one."),
        ProblemKind("precondition-failed", 412, "Changed meanwhile", "Read it again."),
        ProblemKind("too-large", 413, "Too large", "Send less, or raise the limit of the cloud."),
        ProblemKind("wrong-type", 415, "Wrong content type", "Set the header 'Content-Type'."),
        ProblemKind("no-such-range", 416, "No such range", "See the header 'Content-Range'."),
        ProblemKind("wrong-host", 421, "Wrong host", "Use an address that the cloud goes by."),
        ProblemKind("invalid", 422, "Invalid request", "Mend the fields under 'errors'."),
        ProblemKind("invalid-filter", 422, "Invalid filter", "See the column it names."),
        ProblemKind("key-reused", 422, "Key used before", "Take a new key for every order."),
        ProblemKind("invalid-package", 422, "Invalid model package", "Convert the model again."),
        ProblemKind("invalid-data", 422, "Invalid data", "Read the detail."),
        ProblemKind("too-many", 429, "Too many requests", "Wait, as 'Retry-After' says."),
        ProblemKind("internal", 500, "Fault of the cloud", "See the log of the cloud."),
        ProblemKind("unavailable", 503, "Not available now", "Try again in a moment."),
    )
}

_OURS: Final = "Value error, "
_LONGEST_SHOWN: Final = 80
_BY_STATUS: Final = {kind.status: kind for kind in reversed(PROBLEMS.values()) if kind.status < 500}


class ApiError(HTTPException):
    """A refusal that the API decides on itself.

    Args:
        kind: One of :data:`PROBLEMS`.
        detail: What is wrong with this request.
        headers: To send along.
    """

    def __init__(self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(PROBLEMS[kind].status, detail, dict(headers or {}))
        self.kind = PROBLEMS[kind]


def problem_response(
    kind: ProblemKind,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] = (),
) -> Response:
    """Return a problem as ``application/problem+json``."""
    body: dict[str, JsonValue] = {
        "type": f"{PROBLEMS_PATH}/{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(
        body, kind.status, dict(headers or {}), media_type="application/problem+json"
    )


def problem_schema() -> dict[str, object]:
    """Return the JSON Schema of a problem."""
    text = {"type": "string"}
    where_and_what = {"type": "object", "properties": {"where": text, "what": text}}
    return {
        "type": "object",
        "description": f"Why a request was refused; GET {PROBLEMS_PATH}/NAME explains the types.",
        "properties": {
            "type": {"enum": [f"{PROBLEMS_PATH}/{name}" for name in PROBLEMS]},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {"type": "array", "items": where_and_what},
        },
        "required": ["type", "title", "status", "detail"],
    }


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem."""
    app.exception_handler(EdgeError)(_on_edge_error)
    app.exception_handler(HTTPException)(_on_http_error)
    app.exception_handler(RequestValidationError)(_on_invalid_request)
    app.exception_handler(Exception)(_on_fault)


def kind_of(error: EdgeError) -> ProblemKind:
    """Return which kind of refusal an error of ours is."""
    match error:
        case NotFoundError():
            return PROBLEMS["not-found"]
        case FilterError():
            return PROBLEMS["invalid-filter"]
        case DeniedError():
            return PROBLEMS["denied"]
        case UsageError():
            return PROBLEMS["conflict"]
        case PackageError():
            return PROBLEMS["invalid-package"]
        case PeerError():
            return PROBLEMS["invalid-data"]
        case UnavailableError():
            return PROBLEMS["unavailable"]
        case _:
            return PROBLEMS["internal"]


def _on_edge_error(_request: Request, error: EdgeError) -> Response:
    kind = kind_of(error)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if kind.status == 503 else {}
    return problem_response(kind, str(error), headers=headers)


def _on_http_error(request: Request, error: HTTPException) -> Response:
    if isinstance(error, ApiError):
        return problem_response(error.kind, error.detail, headers=error.headers)
    kind = _BY_STATUS.get(error.status_code, PROBLEMS["malformed"])
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return problem_response(kind, detail, headers=error.headers)


def _on_invalid_request(_request: Request, error: RequestValidationError) -> Response:
    errors = [
        {"where": ".".join(str(part) for part in item["loc"]), "what": _what_is_wrong(item)}
        for item in error.errors()
    ]
    detail = "; ".join(f"{item['where']}: {item['what']}" for item in errors)
    return problem_response(PROBLEMS["invalid"], detail, errors=errors)


def _what_is_wrong(item: Mapping[str, object]) -> str:
    """Return what one field should be and is; errors of ours say both by themselves."""
    message, given = str(item["msg"]), item.get("input")
    if message.startswith(_OURS):
        return message.removeprefix(_OURS)
    is_short = isinstance(given, str | int | float) and len(str(given)) <= _LONGEST_SHOWN
    return f"{message}, got {given!r}" if is_short else message


def _on_fault(_request: Request, _error: Exception) -> Response:
    """Say nothing of the inside; the server logs the traceback."""
    return problem_response(PROBLEMS["internal"], "the cloud failed to answer; its log says why")
