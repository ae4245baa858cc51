"""``edgefleet samples``: rows that devices kept for people to label."""

from pathlib import Path
from typing import Annotated

import typer

from edgefleet.options import AsJson, CloudUrl, examples, sub_app
from edgefleet.printing import ago, print_json, print_line, print_table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Look at samples that devices sent for labelling.")
    group.command("list", epilog=examples("edgefleet samples list --model digits"))(list_samples)
    group.command(
        "get",
        epilog=examples(
            "edgefleet fleet command capture-samples --arg purpose=labelling --group pilot",
            "edgefleet samples get to-label --model digits",
        ),
    )(get)
    group.command("remove", epilog=examples("edgefleet samples remove digits/1.0.0/FILE.parquet"))(
        remove
    )
    app.add_typer(group, name="samples")


def list_samples(
    model: Annotated[str, typer.Option(help="Only of this model.")] = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """List the files of samples, newest first."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.samples(model=model)
    if as_json:
        print_json(found)
    elif not found:
        print_line("no samples yet; devices send them when `fleet command capture-samples` asks")
    else:
        rows = [(file.name, ago(file.at_unix_s), f"{file.size_bytes:,}") for file in found]
        print_table(("file", "came", "bytes"), rows)


def get(
    folder: Annotated[Path, typer.Argument(help="Where they go; made if missing.")],
    model: Annotated[str, typer.Option(help="Only of this model.")] = "",
    cloud: CloudUrl = "",
) -> None:
    """Fetch samples that are not in a folder yet: Parquet files whose column `truth` is to fill."""
    from edge_contract.errors import UnavailableError
    from edgefleet.client import Cloud

    fetched = here = 0
    with Cloud(cloud, program="cli") as connection:
        for file in connection.samples(model=model):
            path = folder / file.name.replace("/", "-")
            if path.exists():
                here += 1
                continue
            data = connection.sample_file(file.name)
            try:
                folder.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(f".{path.name}.partial")
                partial.write_bytes(data)
                partial.replace(path)
            except OSError as error:
                raise UnavailableError(f"cannot write {str(path)!r}: {error.strerror}") from error
            fetched += 1
    print_line(f"{fetched} files fetched into {folder}" + (f", {here} were there" if here else ""))


def remove(
    name: Annotated[str, typer.Argument(help="As `samples list` shows it.")], cloud: CloudUrl = ""
) -> None:
    """Remove a file of samples from the cloud for good."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        connection.remove_samples(name)
    print_line(f"removed {name}")
