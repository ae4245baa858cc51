"""``edgefleet model``: put model packages into the registry and look at them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edgefleet.options import AsJson, CloudUrl, examples, model_and_version, sub_app
from edgefleet.printing import clock, print_json, print_line, print_table

if TYPE_CHECKING:
    from cloud_sync.backend import VersionView
    from edge_contract.reading import JsonObject

__all__ = ["register"]

_NO_METRICS: Final = ("standard_error", "mae_resolution")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Put model packages into the registry and look at them.")
    group.command(
        epilog=examples(
            "edgefleet model push digits-1.0.0.modelpkg",
            "edgefleet model push digits-1.0.0.modelpkg --cloud http://cloud.example:8080",
        )
    )(push)
    group.command("list", epilog=examples("edgefleet model list", "edgefleet model list --json"))(
        list_models
    )
    group.command(
        epilog=examples(
            "edgefleet model show digits@1.0.0", "edgefleet model show digits@1.0.0 --json"
        )
    )(show)
    app.add_typer(group, name="model")


def push(
    package: Annotated[Path, typer.Argument(help="The file that `edgefleet convert` made.")],
    cloud: CloudUrl = "",
    untried: Annotated[
        bool,
        typer.Option(
            "--untried", help="Do not run its golden vectors first, for models that need a GPU."
        ),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(help="Sign it with this key, so that devices which pin a root install it."),
    ] = None,
    trusted_root: Annotated[
        Path | None,
        typer.Option(help="The root that vouches for the key; by default the one beside it."),
    ] = None,
    password: Annotated[
        str,
        typer.Option(
            help="Of the key; asked for if it is encrypted.",
            envvar="EDGEFLEET_KEYS_PASSWORD",
            show_default=False,
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Add a model package to the registry; doing it twice changes nothing."""
    from edgefleet.archives import read_package
    from edgefleet.client import Cloud
    from edgefleet.releasing import release
    from edgefleet.trying import try_package

    whole, _ = read_package(package)
    if not untried:
        try_package(whole)
    with Cloud(cloud, program="cli") as connection:
        if key is not None:  # first: devices that hear of it at once would find it unreleased
            release(connection, whole, key, root=trusted_root, password=password)
        view = connection.push(whole)
    if as_json:
        print_json(view)
        return
    print_line(f"{view.name}@{view.version} is in the registry ({view.size / 1e6:.2f} MB)")
    if view.stable:
        print_line("it is what the fleet runs")
    else:
        print_line(f"next: edgefleet rollout start {view.name}@{view.version} --wait")


def list_models(cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """List models and their versions."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        models = connection.models()
    if as_json:
        print_json(models)
    elif not models:
        print_line("no models yet: edgefleet model push FILE")
    else:
        rows = [(model.name, model.stable or "-", ", ".join(model.versions)) for model in models]
        print_table(("model", "stable", "versions, newest first"), rows)


def show(
    model: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="Which one.")],
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Show a version: where it runs, how good it is, and what drifts."""
    from edgefleet.client import Cloud

    name, version = model_and_version(model)
    with Cloud(cloud, program="cli") as connection:
        view = connection.version(name, version)
    if as_json:
        print_json(view)
    else:
        _print_version(view)


def _print_quality(view: "VersionView") -> None:
    metrics = [
        name
        for name, value in {**view.labelled, **view.estimated}.items()
        if isinstance(value, float) and name not in _NO_METRICS
    ]
    if not metrics:
        return
    print_table(
        ("metric", "estimated without labels", "measured with labels"),
        [(name, _metric(view.estimated, name), _metric(view.labelled, name)) for name in metrics],
    )
    note = view.estimated.get("note")
    if isinstance(note, str):
        print_line(note)


def _metric(metrics: "JsonObject", name: str) -> str:
    """Return a metric with its standard error, as far as they are known."""
    value, errors = metrics.get(name), metrics.get("standard_errors")
    error = errors.get(name) if isinstance(errors, Mapping) else None
    if not isinstance(value, int | float):
        return "-"
    return f"{value:.4g}" if not isinstance(error, int | float) else f"{value:.4g} ± {error:.2g}"


def _print_version(view: "VersionView") -> None:
    print_table(
        ("", f"{view.name}@{view.version}"),
        [
            ("digest", view.digest),
            ("task", view.task),
            ("pushed", clock(view.pushed_unix_s)),
            ("stable", view.stable),
            ("devices", f"{view.devices:,}"),
            ("rows", f"{view.rows:,}"),
        ],
    )
    if view.suppressed:
        print_line(f"statistics are {view.suppressed}")
    _print_quality(view)
    if view.features:
        worst = sorted(view.features, key=lambda feature: -feature.evidence)[:15]
        print_table(
            ("drift of", "alarm", "evidence", "KS", "PSI", "missing"),
            [(f.subject, f.drifted, f.evidence, f.ks, f.psi, f.missing_fraction) for f in worst],
        )
        print_line(f"more: edgefleet report {view.name}@{view.version}")
