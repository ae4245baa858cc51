"""An agent that answers other processes, from the command line."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from edge_contract.errors import UnavailableError

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from edge_agent.serving.server import Address, ServeOptions

__all__ = ["serve_agent", "serving_options"]


def serving_options(
    http: str | None,
    unix: Path | None,
    *,
    batch: int,
    delay_ms: float,
    deadline_s: float,
    plain_text: bool = False,
) -> "ServeOptions | None":
    """Return how to serve; ``None`` if that was not asked for.

    Args:
        http: ``HOST:PORT``.
        unix: Path of a Unix socket.
        batch: Most rows of one call of the model.
        delay_ms: How long a request may wait for others to be joined with.
        deadline_s: How long it may wait for its prediction.
        plain_text: Whether it may listen beyond this machine, where nothing is encrypted.

    Raises:
        UsageError: An option is wrong.
        UnavailableError: What serving needs is not installed.
    """
    if http is None and unix is None:
        return None
    try:
        from edge_agent.serving.batching import BatchLimits
        from edge_agent.serving.server import ServeOptions, parse_address
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"serving needs {error.name}, which is not installed: pip install 'edgefleet[serve]'"
        ) from error
    return ServeOptions(
        http=None if http is None else parse_address(http),
        unix=unix,
        batches=BatchLimits(rows=batch, delay_s=delay_ms / 1e3),
        deadline_s=deadline_s,
        plain_text=plain_text,
    )


def serve_agent(
    agent: "Agent",
    options: "ServeOptions",
    console: Console,
    *,
    on_ready: Callable[[str], None] = lambda _where: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, and say where.

    The process is this command's own, so its collector of garbage is told what stays.
    """
    from edge_agent.serving.serving import serve

    def tell(address: "Address | None") -> None:
        where = [] if address is None else [f"http://{address.host}:{address.port}/v2"]
        where += [] if options.unix is None else [str(options.unix)]
        console.print(f"serving {' and '.join(where)}; Ctrl-C ends it", markup=False)
        on_ready(f"serving {' and '.join(where)}")

    gc.collect()
    gc.freeze()  # what is loaded stays for ever: it need not be looked at again and again
    serve(agent, options, on_ready=tell)
