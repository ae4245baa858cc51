"""Addresses of the protocol, and what they mean."""

from typing import NamedTuple
from urllib.parse import unquote

__all__ = ["Route", "route_of"]


class Route(NamedTuple):
    """What an address means.

    Attributes:
        kind: What for; empty if there is nothing.
        method: Which one it takes.
        model: Name in it.
        version: The same; empty for whichever serves.
    """

    kind: str
    method: str
    model: str = ""
    version: str = ""


def route_of(path: str) -> Route:
    """Return what an address means."""
    match [unquote(part) for part in path.strip("/").split("/")]:
        case ["metrics"]:
            return Route("metrics", "GET")
        case ["v2"]:
            return Route("server", "GET")
        case ["v2", "repository", "index"]:
            return Route("models", "POST")
        case ["v2", "models"]:
            return Route("models", "GET")
        case ["v2", "health", "live" | "ready" as kind]:
            return Route(kind, "GET")
        case ["v2", "models", model, "labels"]:
            return Route("labels", "POST", model)
        case ["v2", "models", model, "versions", number, *rest]:
            return _model_route(model, number, rest)
        case ["v2", "models", model, *rest]:
            return _model_route(model, "", rest)
        case _:
            return Route("", "")


def _model_route(model: str, number: str, rest: list[str]) -> Route:
    match rest:
        case []:
            return Route("model", "GET", model, number)
        case ["ready"]:
            return Route("model_ready", "GET", model, number)
        case ["infer"]:
            return Route("infer", "POST", model, number)
        case _:
            return Route("", "")
