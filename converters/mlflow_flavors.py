"""Loads the model in an MLflow folder by its own library, one function for each flavor."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from converters.loading import library, load_pickle, load_skops, loaded
from converters.mlflow_model import MlflowFolder, read_mlflow_folder
from converters.network_files import load_network
from edge_contract.errors import PackageError, UsageError

__all__ = ["MlflowModel", "load_mlflow_model"]

_LIGHTGBM_TYPES: Final = (
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRanker",
    "lightgbm.sklearn.LGBMRegressor",
)
"""LightGBM's own, whose booster is text that its parser reads."""

_XGBOOST_CLASSES: Final = (
    "XGBClassifier", "XGBRFClassifier", "XGBRFRegressor", "XGBRanker", "XGBRegressor",
)  # fmt: skip
_CATBOOST_CLASSES: Final = ("CatBoost", "CatBoostClassifier", "CatBoostRanker", "CatBoostRegressor")


@dataclass(frozen=True, slots=True)
class MlflowModel:
    """A model that MLflow saved, loaded.

    Attributes:
        folder: Where it was, and what is said there of it.
        flavor: How it was loaded.
        model: What another source converts: an estimator, a booster, or the path of a file.
    """

    folder: MlflowFolder
    flavor: str
    model: object


class _Trust(NamedTuple):
    pickles: bool
    types: Sequence[str]


_Loader = Callable[[MlflowFolder, Mapping[str, str], _Trust], object]


def load_mlflow_model(
    path: Path, *, trust_pickle: bool = False, trusted_types: Sequence[str] = ()
) -> MlflowModel:
    """Load the model in a folder that MLflow saved.

    Args:
        path: The folder, which holds a file ``MLmodel``.
        trust_pickle: Whether a pickle may be loaded, which runs whatever code is in it.
        trusted_types: Full names of types beyond the usual ones that a ``.skops`` may hold. What
            the folder itself asks to trust does not count.

    Raises:
        UsageError: It is no such folder, it has no flavor that can be loaded, its library is
            missing, or it may not be loaded.
        PackageError: The folder is damaged.
    """
    folder = read_mlflow_folder(path)
    trust = _Trust(trust_pickle, trusted_types)
    for flavor, load in _LOADERS.items():
        if flavor in folder.flavors:
            return MlflowModel(folder, flavor, load(folder, folder.flavors[flavor], trust))
    raise UsageError(
        f"{str(path)!r} has the flavors {', '.join(sorted(folder.flavors)) or 'none'}, of which "
        f"none can be loaded here (these can: {', '.join(_LOADERS)}): load the model yourself and "
        "give the object to edgefleet.convert, or save it as ONNX"
    )


def _sklearn(folder: MlflowFolder, settings: Mapping[str, str], trust: _Trust) -> object:
    path = folder.file(settings.get("pickled_model", ""))
    if settings.get("serialization_format") == "skops":
        return load_skops(path, trust.types)
    return load_pickle(path, is_trusted=trust.pickles)


def _onnx(folder: MlflowFolder, settings: Mapping[str, str], _trust: _Trust) -> object:
    return folder.file(settings.get("data", ""))


def _lightgbm(folder: MlflowFolder, settings: Mapping[str, str], trust: _Trust) -> object:
    path = folder.file(settings.get("data", ""))
    if settings.get("model_class", "").rpartition(".")[2] == "Booster" or path.suffix == ".lgb":
        lightgbm = library("lightgbm", "lightgbm")
        return loaded(path, lambda: lightgbm.Booster(model_file=path))
    if settings.get("serialization_format") == "skops" or path.suffix == ".skops":
        return load_skops(path, (*trust.types, *_LIGHTGBM_TYPES))
    return load_pickle(path, is_trusted=trust.pickles)


def _xgboost(folder: MlflowFolder, settings: Mapping[str, str], _trust: _Trust) -> object:
    path = folder.file(settings.get("data", ""))
    name = settings.get("model_class", "").rpartition(".")[2] or "Booster"
    xgboost = library("xgboost", "xgboost")
    if name == "Booster":
        return loaded(path, lambda: xgboost.Booster(model_file=path))
    return _read_into(xgboost, _known(name, _XGBOOST_CLASSES, folder), path)


def _catboost(folder: MlflowFolder, settings: Mapping[str, str], _trust: _Trust) -> object:
    path = folder.file(settings.get("data", ""))
    name = _known(settings.get("model_type", ""), _CATBOOST_CLASSES, folder)
    form = settings.get("save_format") or "cbm"
    return _read_into(library("catboost", "catboost"), name, path, form)


def _pytorch(folder: MlflowFolder, settings: Mapping[str, str], trust: _Trust) -> object:
    home = settings.get("model_data", "")
    exported = folder.file(home) / "model.pt2"
    path = exported if exported.is_file() else folder.file(f"{home}/model.pth")
    return load_network(path, is_trusted=trust.pickles)


def _keras(folder: MlflowFolder, settings: Mapping[str, str], trust: _Trust) -> object:
    path = folder.file(f"{settings.get('data') or 'data'}/model.keras")
    return load_network(path, is_trusted=trust.pickles)


def _known(name: str, names: Sequence[str], folder: MlflowFolder) -> str:
    if name not in names:
        raise PackageError(
            f"{str(folder.path)!r} says that its model is a {name!r}, expected one of "
            f"{', '.join(names)}"
        )
    return name


def _read_into(module: object, name: str, path: Path, *arguments: str) -> object:
    """Return an object of a class of a library that has read itself from a file."""

    def read() -> object:
        model: object = getattr(module, name)()
        getattr(model, "load_model")(str(path), *arguments)  # noqa: B009  they have no types
        return model

    return loaded(path, read)


_LOADERS: Final[Mapping[str, _Loader]] = {
    "sklearn": _sklearn,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
    "onnx": _onnx,
    "pytorch": _pytorch,
    "keras": _keras,
}
"""By flavor, the one that says most about the model first."""
