"""The demo's page for browsers: a tab joins the cameras' fleet."""

from pathlib import Path

from rich.console import Console

from edge_contract.errors import EdgeError

__all__ = ["bring_page"]


def bring_page(console: Console, folder: Path, *, url: str, websocket_port: int) -> None:
    """Build the page where the cloud serves it; say what is missing and go on without it.

    Args:
        console: Where the story is told.
        folder: Where the cloud looks for it.
        url: Of the cloud.
        websocket_port: Of its broker, for browsers.
    """
    from browser.bundle import Parts, build_bundle
    from browser.python_files import compiled_python
    from browser.tools import npm_packages

    try:
        with console.status("  building the page"):
            npm = npm_packages()
            build_bundle(
                folder,
                model="digits",
                cloud=f":{websocket_port}",
                fleet="demo",
                parts=Parts(npm, compiled_python(npm)),
            )
    except (EdgeError, OSError) as error:
        console.print(f"  no page for browsers: {error}", highlight=False)
        return
    page = f"{url}/try/"
    console.print(f"  draw a digit  [link={page}]{page}[/link]", highlight=False)
