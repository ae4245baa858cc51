"""``edgefleet browser``: a model in a page that any web server can host."""

import contextlib
import json
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
            "edgefleet browser build --out site --model digits@1.0.0 --cloud https://cloud.example",
            "edgefleet browser build --out site --model digits --cloud wss://cloud.example/mqtt",
        )
    )(build)
    group.command(epilog=examples("edgefleet browser serve site --port 8000"))(serve)
    app.add_typer(group, name="browser")


def build(
    out: Annotated[Path, typer.Option(help="Folder to write; an older bundle in it is replaced.")],
    *,
    package: Annotated[
        Path | None, typer.Option(help="A model package to bring along; predicts without a cloud.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME[@VERSION]",
            help="A model of the fleet; with a version, that one is fetched and comes along.",
        ),
    ] = "",
    cloud: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="The cloud, http(s)://; or its broker for browsers: ws(s)://, or :PORT of the "
            "page's host. A version comes from there, or from $EDGEFLEET_CLOUD.",
        ),
    ] = "",
    fleet: Annotated[str, typer.Option(help="Name of the fleet, if it is not 'default'.")] = "",
    join_token: Annotated[
        str,
        typer.Option(
            metavar="TOKEN",
            help="What `edgefleet fleet enroll --uses N` printed: browsers join by it, each with a "
            "key of its own. Whoever reads the page can read it.",
            envvar="EDGEFLEET_JOIN_TOKEN",
        ),
    ] = "",
    trusted_root: Annotated[
        Path | None,
        typer.Option(help="The fleet's root.json: only signed versions and orders count then."),
    ] = None,
    webgpu: Annotated[
        bool, typer.Option(help="Bring along what runs models on graphics processors, 27 MB.")
    ] = False,
    compile_python: Annotated[
        bool,
        typer.Option("--compile/--no-compile", help="Compile the page's Python, which needs node."),
    ] = True,
    compress: Annotated[
        bool,
        typer.Option(help="Write .gz and .br beside each file, for servers that can send them."),
    ] = True,
    npm: Annotated[
        Path | None, typer.Option(help="The folder node_modules that `npm ci` has filled.")
    ] = None,
) -> None:
    """Write a self-contained folder: page, agent, libraries; nothing is fetched from elsewhere.

    The first time, npm and pip fetch what it is made of, pinned by digests; it is kept.
    """
    from edgefleet.shadowing import require_own_package

    require_own_package("browser")
    from browser.bundle import Parts, build_bundle
    from browser.compressing import sizes_of
    from browser.python_files import compiled_python
    from browser.tools import npm_packages
    from edgefleet.page_plan import PageOrder, planned

    root = None if trusted_root is None else _root(trusted_root)
    plan = planned(PageOrder(package, model, cloud, fleet, join_token, root))
    with Console(stderr=True).status("compiling and compressing, which may take a minute"):
        modules = npm or npm_packages()
        verifies = root is not None or bool(join_token)
        python = compiled_python(modules, verifies=verifies) if compile_python else None
        build_bundle(
            out,
            model=plan.model,
            package=plan.package,
            cloud=plan.broker,
            fleet=plan.fleet,
            trusted_root=root,
            join_token=join_token,
            parts=Parts(modules, python, webgpu),
            compressed=compress,
        )
    sizes = ", ".join(f"{form} {size / 1e6:.1f} MB" for form, size in sizes_of(out).items())
    print_line(f"wrote {out}: {sizes}")
    print_line(f"next: edgefleet browser serve {out}")


def _root(path: Path) -> bytes:
    from edge_contract.errors import UsageError

    try:
        data = path.read_bytes()
        if json.loads(data)["signed"]["_type"] == "root":
            return data
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        pass
    raise UsageError(
        f"{str(path)!r} is no root: `edgefleet keys init` writes cloud/metadata/root.json"
    )


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
