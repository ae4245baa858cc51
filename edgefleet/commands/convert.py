"""``edgefleet convert``: a trained model becomes a model package, or is refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefleet.convert_telling import progress, warnings_heard
from edgefleet.convert_values import baseline_of, classes_of, height_and_width_of
from edgefleet.options import AsJson, examples
from edgefleet.printing import print_json, print_line, print_table

if TYPE_CHECKING:
    from edge_contract.package import Package

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "convert",
        epilog=examples(
            "edgefleet convert model.onnx --data sample.npz --name gate --version 1.0.0",
            "edgefleet convert digits.joblib --trust-pickle --data held_out.npz --name digits "
            "--version 1.0.0 --out dist/",
            "edgefleet convert churn.skops --data held_out.csv --target left --name churn "
            "--version 2.1.0 --baseline f1=0.91 --baseline-source 'two analysts'",
            "edgefleet convert mlruns/1/models/m-68fb/artifacts --data held_out.csv --target left "
            "--name churn --version 2.2.0",
        ),
    )(convert)


def convert(  # noqa: PLR0917  one argument per option
    model: Annotated[
        Path,
        typer.Argument(
            help="The trained model: .onnx, .skops, .keras, .joblib and .pkl, .pt2 and .pt, or the "
            "folder of a model that MLflow saved."
        ),
    ],
    version: Annotated[str, typer.Option(help="Semantic version, such as 1.2.0.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Rows like those that devices will see, held out from training, in the order of "
            "time if they have one: .npz (arrays X and y, or one for each input of an ONNX model), "
            ".csv or .parquet (these need pandas). It may be left out of a model that MLflow saved "
            "together with an example of its rows."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Model name; by default that of the file.")] = "",
    target: Annotated[
        str, typer.Option(help="Column or array with the labels; in an .npz it is y by default.")
    ] = "",
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for NAME-VERSION.modelpkg, or a file that ends so; one that is there is "
            "replaced once the new one is whole."
        ),
    ] = Path(),
    description: Annotated[str, typer.Option(help="What the model is for.")] = "",
    licence: Annotated[str, typer.Option(help="SPDX expression, such as Apache-2.0.")] = "",
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="Class of an ONNX model that does not say its own, in the order of the "
            "probabilities. Repeatable."
        ),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=NUMBER", help="What a person or a rule reaches. Repeatable."),
    ] = None,
    baseline_source: Annotated[str, typer.Option(help="Who or what reaches it.")] = "",
    mlflow_run: Annotated[
        str,
        typer.Option(
            metavar="FOLDER|ID",
            help="The MLflow run that trained the model: its folder, or its id in ./mlruns or "
            "./mlflow.db. Parameters, last metrics and tags go into the lineage.",
        ),
    ] = "",
    tracker_run: Annotated[
        str,
        typer.Option(
            metavar="TRACKER:RUN",
            help="The run in another tracker, such as wandb:entity/project/run; kept as given.",
        ),
    ] = "",
    robustness: Annotated[
        bool,
        typer.Option(
            help="Also measure quality under noise, scaling, missing values, and of pictures "
            "brightness and blur."
        ),
    ] = True,
    image: Annotated[
        str,
        typer.Option(
            metavar="HEIGHT,WIDTH",
            help="The rows are pictures of so many pixels; only needed where the shape of the "
            "model's input does not say so.",
        ),
    ] = "",
    pre: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.onnx|PLUGIN",
            help="ONNX model that makes the model's inputs of the rows; it becomes part of the "
            "package's graph. Or a plugin for preprocessing, which devices must have as well.",
        ),
    ] = None,
    post: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.onnx|PLUGIN",
            help="ONNX model that makes answers of the model's outputs; part of the graph as well. "
            "Or a plugin for postprocessing.",
        ),
    ] = None,
    statistic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SUBJECT=KIND",
            help="Also count a plugin's statistic, of a feature, of prediction or of latency_us: "
            "age=extremes. Repeatable.",
        ),
    ] = None,
    image_input: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="Let devices take files of pictures and make the input of them as it was done in "
            "training: imagenet, unit, signed, bytes or auto, and after a comma "
            "resize=stretch|crop[:SHORT]|pad[:BYTE], size=HEIGHTxWIDTH, color=rgb|bgr|grey, "
            "layout=chw|hwc, interpolation=bilinear|bicubic|nearest|lanczos|box, scale=1/255, "
            "mean=R:G:B, std=R:G:B, tensor=NAME.",
        ),
    ] = "",
    accept_difference: Annotated[
        float,
        typer.Option(
            help="Largest relative difference to the source model, and largest fraction of other "
            "labels, to accept knowingly; it is written into the package."
        ),
    ] = 0.0,
    variants: Annotated[
        str,
        typer.Option(
            metavar="int8|auto|none",
            help="Also make a variant of 8 bits, which is smaller and mostly quicker, and keep it "
            "if it is as good: always, where the weights have 200 kB or more, or not. Devices "
            "choose with edgefleet agent run --variant.",
        ),
    ] = "none",
    max_accuracy_loss: Annotated[
        float,
        typer.Option(
            help="How much worse a variant may be on rows that it was not calibrated on: in "
            "accuracy and F1, or for a regression the growth of its errors."
        ),
    ] = 0.01,
    time_column: Annotated[
        str,
        typer.Option(
            help="Column or array with the times of the rows; it is no feature, and says in which "
            "order they came."
        ),
    ] = "",
    strata: Annotated[
        str,
        typer.Option(
            metavar="CYCLE",
            help="hour-of-day, day-of-week or hour-of-week: compare what devices see with the rows "
            "of the same hour or day, so that a daily or weekly cycle is no drift. Needs "
            "--time-column.",
        ),
    ] = "",
    time_zone: Annotated[
        str, typer.Option(help="Whose clocks count for --strata, such as Europe/Oslo.")
    ] = "UTC",
    joint: Annotated[
        int,
        typer.Option(
            help="At most so many pairs of numeric features are watched for moving together; "
            "0 for none."
        ),
    ] = 16,
    embedding: Annotated[
        str,
        typer.Option(help="Output that stands for a row as a vector, to be watched as well."),
    ] = "",
    trust_pickle: Annotated[
        bool,
        typer.Option(
            "--trust-pickle",
            help="Load a .joblib, .pkl, .pt2 or .pt file, in a process of its own. Loading one "
            "runs whatever code is in it, so do this only with files that you made yourself.",
        ),
    ] = False,
    trust_type: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Full name of a type that a .skops file may hold besides the usual ones, such as "
            "mypackage.Transformer. Repeatable.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a trained model into a model package, checked on your rows.

    The ONNX model is run as devices run it and must say what the source model says; otherwise it is
    refused, with the row that differs most. The package also holds the statistics of your rows, so
    that devices can notice drift, and golden vectors, so that they can check the model themselves.
    """
    from edgefleet.shadowing import require_own_package

    require_own_package("converters")
    from converters.package_files import require_place, save_package
    from edgefleet.convert_job import ConvertJob, convert_apart

    job = ConvertJob(
        model=model,
        data=data,
        name=name or model.stem,
        version=version,
        target=target,
        time_column=time_column,
        description=description,
        licence=licence,
        classes=classes_of(label or ()),
        mlflow_run=mlflow_run,
        tracker_run=tracker_run,
        baseline=baseline_of(baseline or ()),
        baseline_source=baseline_source,
        robustness=robustness,
        image=height_and_width_of(image),
        image_input=image_input,
        pre=pre,
        post=post,
        statistics=tuple(statistic or ()),
        accept_difference=accept_difference,
        variants=variants,
        max_accuracy_loss=max_accuracy_loss,
        joint=joint,
        embedding=embedding,
        strata=strata,
        time_zone=time_zone,
        trust_pickle=trust_pickle,
        trusted_types=tuple(trust_type or ()),
    )
    require_place(out)
    with warnings_heard() as heard, progress() as tell:
        package = convert_apart(job, tell) if job.runs_code else job.run(tell)
    path = save_package(package, out)
    if as_json:
        print_json(_summary(package, path, heard))
    else:
        _print_report(package, path)


def _summary(package: "Package", path: Path, heard: Sequence[str]) -> dict[str, object]:
    manifest = package.manifest
    return {
        "path": str(path),
        "digest": package.digest,
        "name": manifest.name,
        "version": manifest.version,
        "task": manifest.task.value,
        "size_bytes": path.stat().st_size,
        "parity": manifest.evidence.parity,
        "quality": manifest.evidence.quality,
        "robustness": manifest.evidence.robustness,
        "variants": manifest.evidence.variants,
        "warnings": list(heard),
    }


def _print_report(package: "Package", path: Path) -> None:
    from converters.card import card_of

    for section in card_of(package):
        if section.title.startswith(("Parity", "Quality", "Robustness", "Variants")):
            print_table(section.columns, section.rows, title=section.title)
    print_line(f"{path} ({path.stat().st_size / 1e6:.2f} MB) {package.digest}")
    print_line(f"next: edgefleet inspect {path}, or edgefleet model push {path}")
