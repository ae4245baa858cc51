"""``edgefleet.convert``: the converters, with the device's own kernel for the reference."""

import re
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_contract.errors import UsageError
from edge_contract.names import NAME_PATTERN
from edge_contract.package import Layout, Package, Processing
from edge_contract.reading import JsonObject
from edge_contract.stats import Profile, ProfileSpec
from edgefleet.shadowing import require_own_package

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["convert", "fast_count"]

_VARIANTS: Final = ("int8", "auto", "none")


def convert(
    model: object,
    X: object = None,  # noqa: N803  as scikit-learn calls it
    y: object = None,
    *,
    name: str,
    version: str,
    description: str = "",
    licence: str = "",
    classes: Sequence[str | int] = (),
    feature_names: Sequence[str] = (),
    lineage: JsonObject | None = None,
    mlflow_run: str | PathLike[str] = "",
    tracker_run: str = "",
    baseline: Mapping[str, float | str] | None = None,
    baseline_source: str = "",
    robustness: bool = True,
    image: tuple[int, int] | None = None,
    image_input: str = "",
    pre: bytes | str | PathLike[str] | None = None,
    post: bytes | str | PathLike[str] | None = None,
    accept_difference: float = 0.0,
    variants: str = "none",
    max_accuracy_loss: float = 0.01,
    joint: int = 16,
    embedding: str = "",
    statistics: Sequence[str] = (),
    strata: str = "",
    times: object = None,
    time_zone: str = "UTC",
    out: str | PathLike[str] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Package:
    """Turn a trained model into a model package, or refuse and say why.

    Args:
        model: A fitted estimator or pipeline of scikit-learn, a trained model of LightGBM, XGBoost,
            CatBoost, PyTorch, Keras or JAX, an ONNX file (path or bytes), or the folder of a model
            that MLflow saved (other than as a pickle).
        X: Rows like the ones that devices will see, better not those that it was trained on: they
            become the reference for drift, and parity is checked on them.
        y: Their labels, for quality, calibration and estimates without labels.
        name: Name of the model; versions share it.
        version: Semantic version.
        description: For people.
        licence: SPDX expression.
        classes: Labels in the order of the probabilities, for ONNX files that do not say them.
        feature_names: Of the columns of an array, which has no names of its own.
        lineage: Where the model comes from; joined with what can be found out.
        mlflow_run: The MLflow run that trained the model: its folder, its id in ``./mlruns`` or
            ``./mlflow.db``, or ``FOLDER/mlflow.db:RUN_ID``. Parameters, last metrics and tags go
            into the lineage.
        tracker_run: The run in another tracker, such as ``wandb:entity/project/run``; kept as it is
            given.
        baseline: What a person or a rule reaches: ``{"f1": 0.91, "source": "two radiologists"}``.
        baseline_source: Who or what reaches it, if ``baseline`` does not say.
        robustness: Whether quality is also measured under noise, scaling, missing values, and of
            pictures brightness and blur: on at most 1,000 labelled rows, for at most some seconds.
        image: Height and width of the pictures in the rows, where the shape of the model's input
            does not say so.
        image_input: How devices shall make an input of encoded pictures (JPEG, PNG, WebP, BMP):
            ``imagenet,resize=crop:256``, see :data:`converters.image_input.IMAGE_INPUT_HELP`;
            ``auto`` where shape and rows tell all. Empty for numbers only.
        pre: ONNX model (path or bytes) that makes the model's inputs of the rows; it becomes part
            of the package's one graph, and ``X`` are its rows. Or the name of a plugin in the group
            ``edgefleet.preprocessing``, which devices must have as well.
        post: ONNX model that makes answers of the model's outputs; part of the graph as well. Or
            the name of a plugin in the group ``edgefleet.postprocessing``.
        accept_difference: Largest relative difference to accept between source and ONNX model;
            recorded in the package.
        variants: ``int8`` also makes a variant with weights and activations of 8 bits, and keeps it
            if it is as good; ``auto`` tries that where weights have 200 kB or more; ``none``.
        max_accuracy_loss: How much worse a variant may be on rows that it was not calibrated on. Of
            a classifier: in accuracy and F1. Of a regression: the growth of its errors.
        joint: At most so many pairs of numeric features are watched for moving together; 0 for
            none.
        embedding: Name of an output that stands for a row as a vector, to be watched as well.
        statistics: Statistics of plugins in the group ``edgefleet.statistics`` to count as well:
            ``["age=extremes"]``, of features, ``prediction`` or ``latency_us``.
        strata: ``hour-of-day``, ``day-of-week`` or ``hour-of-week``: compare what devices see with
            the rows of the same hour or day, so that a daily or weekly cycle is no drift.
        times: The time of every row: Unix seconds, ISO 8601 texts, or dates. Needed for strata;
            also tells how much rows that follow each other depend on each other.
        time_zone: The IANA zone whose clocks count, also for times without an offset:
            ``Europe/Oslo``.
        out: File or folder to write the package to; ``None`` only returns it.
        progress: Is told each step, and how far it all is from 0 to 1.

    Returns:
        The package; ``package.digest`` names it.

    Raises:
        UsageError: An argument is wrong or the model is not fitted.
        PackageError: The conversion is not faithful, or not possible.
        UnavailableError: There is no room left to write the package.
    """
    require_own_package("converters")
    from converters.baseline import checked_baseline
    from converters.callers import WarningsOfTheCaller
    from converters.composed_source import ComposedModel
    from converters.convert import convert as convert_model
    from converters.lineage import training_run
    from converters.package_files import require_place, save_package
    from converters.robustness import Trials
    from converters.variants import VariantRules
    from converters.watching import Watching

    if image is not None and not robustness:
        raise UsageError("image is for measuring robustness, which was turned off: leave one out")
    if variants not in _VARIANTS:
        known = ", ".join(_VARIANTS)
        raise UsageError(f"variants {variants!r} is unknown: choose from {known}")
    if out is not None:
        require_place(Path(out))
    rules = VariantRules(auto=variants == "auto", max_accuracy_loss=max_accuracy_loss)
    run = training_run(mlflow_run=str(mlflow_run), tracker_run=tracker_run)
    pre_plugin, post_plugin = _plugin_name(pre), _plugin_name(post)
    before = None if pre_plugin else _graph(pre)
    after = None if post_plugin else _graph(post)
    if pre_plugin:
        X = _preprocessed(pre_plugin, X)  # noqa: N806  as scikit-learn calls it
    with WarningsOfTheCaller():
        package = convert_model(
            model if before is None and after is None else ComposedModel(model, before, after),
            X,
            y,
            processing=Processing(pre_plugin, post_plugin),
            name=name,
            version=version,
            description=description,
            licence=licence,
            classes=classes,
            feature_names=feature_names,
            image_input=image_input,
            lineage={**run, **(lineage or {})},
            baseline=checked_baseline(baseline, source=baseline_source),
            accept_difference=accept_difference,
            watching=Watching(
                joint=joint,
                embedding=embedding,
                strata=strata,
                times=times,
                time_zone=time_zone,
                statistics=tuple(statistics),
            ),
            trials=Trials(image=image) if robustness else None,
            variants=None if variants == "none" else rules,
            count=fast_count,
            progress=progress,
        )
    if out is not None:
        save_package(package, Path(out))
    return package


def _plugin_name(given: "bytes | str | PathLike[str] | None") -> str:
    """Return the name of a plugin; empty for a graph, its path, and nothing."""
    is_name = isinstance(given, str) and re.fullmatch(NAME_PATTERN, given) is not None
    return str(given) if is_name and not Path(str(given)).suffix else ""


def _preprocessed(name: str, rows: object) -> object:
    """Return what a plugin makes of rows, as it will on devices."""
    from edge_agent.processing import hooks_of

    pre = hooks_of(Processing(pre=name), model="to be made").pre
    return rows if pre is None else pre(rows)  # type: ignore[arg-type]


def _graph(given: "bytes | str | PathLike[str] | None") -> "bytes | Path | None":
    """Return a graph before or after a model as converters take it."""
    return given if given is None or isinstance(given, bytes) else Path(given)


def fast_count(spec: ProfileSpec, layout: Layout, rows: "NDArray[np.float32]") -> Profile:
    """Count the reference as devices count."""
    from edge_agent.adapters.numpy_counting import count_block

    return count_block(spec, layout, rows)
