"""``edgefleet labels``: bring what came true to the cloud."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefleet.options import AsJson, CloudUrl, examples, sub_app
from edgefleet.printing import print_json, print_line

if TYPE_CHECKING:
    from cloud_sync.backend import LabelsView

__all__ = ["register"]

_MOST_PROBLEMS = 10


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Bring what came true to the cloud.")
    group.command(
        "import",
        epilog=examples(
            "edgefleet labels import labelled.parquet",
            "edgefleet labels import truths.csv --id-column id --truth-column class",
        ),
    )(import_labels)
    app.add_typer(group, name="labels")


def import_labels(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Labels: .csv, .parquet or .jsonl.")],
    id_column: Annotated[str, typer.Option(help="Column of prediction ids.")] = "prediction_id",
    truth_column: Annotated[str, typer.Option(help="Column of truths.")] = "truth",
    device_column: Annotated[
        str, typer.Option(help="Column of devices or their pseudonyms, if there is one.")
    ] = "device",
    only_random: Annotated[
        bool,
        typer.Option(
            "--only-random",
            help="Leave out samples that were kept for being uncertain, drifted or disagreeing.",
        ),
    ] = False,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Count truths, each once however often its file is imported.

    Samples that were kept for what they are make a model look worse than it is: with
    --only-random, measured accuracy is that of all rows.

    Rows whose truth is empty are left out. The exit code is 0 only if every other row was counted,
    now or before.
    """
    from cloud_sync.sample_views import LabelsView
    from edgefleet.client import Cloud
    from edgefleet.labelling.label_files import LabelColumns, labels_in, portions

    columns = LabelColumns(id_column, truth_column, device_column)
    views: list[LabelsView] = []
    empty = chosen = left_out = 0
    with Cloud(cloud, program="cli", timeout_s=60.0) as connection:
        for portion in portions(labels_in(path, columns)):
            told = [line for line in portion if line.truth is not None]
            empty += len(portion) - len(told)
            picked = sum(line.is_chosen for line in told)
            if only_random:
                told = [line for line in told if not line.is_chosen]
                left_out += picked
            else:
                chosen += picked
            if told:
                views.append(connection.add_labels([line.to_json() for line in told]))
    by_version: dict[str, int] = {}
    for view in views:
        for version, count in view.by_version.items():
            by_version[version] = by_version.get(version, 0) + count
    total = LabelsView(
        counted=sum(view.counted for view in views),
        repeated=sum(view.repeated for view in views),
        unknown=sum(view.unknown for view in views),
        refused=sum(view.refused for view in views),
        by_version=by_version,
        problems=list(dict.fromkeys(text for view in views for text in view.problems)),
    )
    if as_json:
        print_json({**asdict(total), "empty": empty, "left_out": left_out})
    else:
        _print(total, empty=empty, left_out=left_out)
        if chosen:
            print_line(
                f"{chosen:,} of the rows are samples that were kept for what they are: measured "
                "accuracy is now lower than that of all rows (see --only-random)"
            )
    if total.unknown or total.refused:
        raise typer.Exit(1)


def _print(total: "LabelsView", *, empty: int, left_out: int) -> None:
    versions = ", ".join(f"{name} {count:,}" for name, count in sorted(total.by_version.items()))
    print_line(f"{total.counted:,} labels counted" + (f": {versions}" if versions else ""))
    for count, what in (
        (total.repeated, "were counted before"),
        (empty, "have no truth yet"),
        (left_out, "are left out, for they were not kept by chance"),
        (total.unknown, "are of packages that the registry does not have"),
        (total.refused, "cannot be counted"),
    ):
        if count:
            print_line(f"{count:,} {what}")
    for text in total.problems[:_MOST_PROBLEMS]:
        print_line(f"  {text}")
    if len(total.problems) > _MOST_PROBLEMS:
        print_line(f"  and {len(total.problems) - _MOST_PROBLEMS} more kinds")
