"""An agent that answers other processes, from the command line."""

from typing import TYPE_CHECKING

from rich.console import Console

from edge_contract.errors import UnavailableError

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from edge_agent.serving.server import Address, ServeOptions

__all__ = ["serve_agent", "serving_options"]


def serving_options(http: str | None) -> "ServeOptions | None":
    """Return how to serve; ``None`` if that was not asked for.

    Raises:
        UsageError: The address is none.
        UnavailableError: What serving needs is not installed.
    """
    if http is None:
        return None
    try:
        from edge_agent.serving.server import ServeOptions, parse_address
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"serving needs {error.name}, which is not installed: pip install 'edgefleet[serve]'"
        ) from error
    return ServeOptions(http=parse_address(http))


def serve_agent(agent: "Agent", options: "ServeOptions", console: Console) -> None:
    """Serve until SIGTERM or Ctrl-C, and say where."""
    from edge_agent.serving.serving import serve

    def tell(address: "Address | None") -> None:
        if address is not None:
            console.print(
                f"serving [bold]http://{address.host}:{address.port}/v2[/bold]; Ctrl-C ends it",
                highlight=False,
            )

    serve(agent, options, on_ready=tell)
