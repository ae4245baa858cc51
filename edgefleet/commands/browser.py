"""``edgefleet browser``: a model in a page that any web server can host."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edgefleet.options import examples, sub_app
from edgefleet.printing import print_line

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Put a model into a web page.")
    group.command(
        epilog=examples(
            "edgefleet browser build --out site --package digits-1.0.0.modelpkg",
            "edgefleet browser build --out site --model digits --cloud wss://cloud.example/mqtt",
        )
    )(build)
    group.command(epilog=examples("edgefleet browser serve site --port 8000"))(serve)
    app.add_typer(group, name="browser")


def build(
    out: Annotated[Path, typer.Option(help="Folder to write; an older bundle in it is replaced.")],
    package: Annotated[
        Path | None, typer.Option(help="A model package to bring along; predicts without a cloud.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Name of a model of the fleet, without a package.")
    ] = "",
    cloud: Annotated[
        str,
        typer.Option(help="The broker for browsers: ws://, wss://, or :PORT of the page's host."),
    ] = "",
    fleet: Annotated[str, typer.Option(help="Name of the fleet.")] = "default",
    compress: Annotated[
        bool,
        typer.Option(help="Write .gz and .br beside each file, for servers that can send them."),
    ] = True,
    npm: Annotated[
        Path | None, typer.Option(help="The folder node_modules that `npm ci` has filled.")
    ] = None,
) -> None:
    """Write a self-contained folder: page, agent, libraries; nothing is fetched from elsewhere."""
    from edgefleet.shadowing import require_own_package

    require_own_package("browser")
    from browser.bundle import NODE_MODULES, build_bundle
    from browser.compressing import sizes_of
    from edge_agent.local_package import read_package
    from edge_contract.errors import UsageError

    if package is None and not (model and cloud):
        raise UsageError(
            "a page needs a model: give --package FILE, or --model NAME with --cloud URL"
        )
    brought = None if package is None else read_package(package)
    doing = "compressing, which takes a minute" if compress else "writing"
    with Console(stderr=True).status(doing):
        build_bundle(
            out,
            model=model,
            package=brought,
            cloud=cloud,
            fleet=fleet,
            npm=npm or NODE_MODULES,
            compressed=compress,
        )
    sizes = ", ".join(f"{form} {size / 1e6:.1f} MB" for form, size in sizes_of(out).items())
    print_line(f"wrote {out}: {sizes}")
    print_line(f"next: edgefleet browser serve {out}")


def serve(
    folder: Annotated[Path, typer.Argument(help="What `edgefleet browser build` wrote.")],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 for any that is free.")] = 8000,
) -> None:
    """Serve a bundle until Ctrl-C, with the headers that it needs."""
    from edgefleet.shadowing import require_own_package

    require_own_package("browser")
    from browser.serving import bundle_server

    with (
        bundle_server(folder, host=host, port=port) as server,
        contextlib.suppress(KeyboardInterrupt),
    ):
        print_line(f"http://{host}:{server.server_address[1]}/  (Ctrl-C ends it)")
        server.serve_forever()
