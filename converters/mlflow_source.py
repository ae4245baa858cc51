"""Models that MLflow saved in a folder; their own sources convert them."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, Final

from converters.base import (
    ConversionWarning,
    Converted,
    Request,
    Rows,
    register,
    source_for,
)
from converters.feature_names import with_feature_names
from converters.rows import is_frame
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject

if TYPE_CHECKING:
    from converters.mlflow_flavors import MlflowModel
    from converters.mlflow_model import MlflowFolder, SignatureInput

__all__ = ["MlflowSource"]

_TEXTS: Final = ("string",)
_LEVELS: Final = 5  # from a model's folder up to the one that holds mlruns
_NUMBERS: Final = ("boolean", "double", "float", "integer", "long")


@register
class MlflowSource:
    """Folders with an ``MLmodel`` file: of scikit-learn, boosters, ONNX, PyTorch, Keras."""

    name: ClassVar[str] = "MLflow"

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is the path of a folder, or a loaded ``MlflowModel``."""
        if isinstance(model, str | PurePath):
            return Path(model).is_dir()
        kind = type(model)
        return (kind.__module__, kind.__qualname__) == ("converters.mlflow_flavors", "MlflowModel")

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Check the rows against the signature and convert the model as its own source does."""
        saved = _loaded(request.model)
        _require_signature(request.rows, saved.folder.inputs)
        about = {"mlflow_model": _about(saved)}
        for converted in source_for(saved.model).conversions(replace(request, model=saved.model)):
            named = _named(converted, saved.folder.inputs)
            yield replace(named, lineage={**_run_of(saved.folder), **about})


def _loaded(model: object) -> "MlflowModel":
    from converters.mlflow_flavors import MlflowModel, load_mlflow_model

    if isinstance(model, MlflowModel):
        return model
    return load_mlflow_model(Path(str(model)))


def _about(saved: "MlflowModel") -> JsonObject:
    inputs = [
        f"{item.name or 'input'}: {item.type}{list(item.shape) if item.shape else ''}"
        for item in saved.folder.inputs
    ]
    return {"flavor": saved.flavor, **saved.folder.about, **({"inputs": inputs} if inputs else {})}


def _run_of(folder: "MlflowFolder") -> JsonObject:
    """Return the run that saved the model, if it is kept beside it in files or a database."""
    from converters.mlflow_run import read_mlflow_run

    run = folder.about.get("run_id")
    if not isinstance(run, str) or not run.isalnum():
        return {}
    try:
        place = _place_of_run(folder.path.resolve().parents[:_LEVELS], run)
        return {"mlflow": read_mlflow_run(place)} if place else {}
    except UsageError as error:
        warnings.warn(
            f"the run that saved the model is left out of the lineage: {error}",
            ConversionWarning,
            stacklevel=2,
        )
        return {}


def _place_of_run(parents: Sequence[Path], run: str) -> str:
    from converters.mlflow_database import read_run_of_database

    for folder in (*parents, *(parent / run for parent in parents)):
        if folder.name == run and (folder / "meta.yaml").is_file():
            return str(folder)
    for database in (parent / "mlflow.db" for parent in parents):
        if database.is_file() and read_run_of_database(database, run) is not None:
            return f"{database}:{run}"
    return ""


def _named(converted: Converted, inputs: "Sequence[SignatureInput]") -> Converted:
    """Return a conversion with the signature's names for the columns of an array."""
    names = [item.name for item in inputs if not item.shape]
    is_nameless = not is_frame(converted.rows) and not isinstance(converted.rows, Mapping)
    if is_nameless and all(names) and len(names) == len(converted.features):
        return with_feature_names(converted, names)
    return converted


def _require_signature(rows: Rows, inputs: "Sequence[SignatureInput]") -> None:
    """Raise ``UsageError`` unless rows have the columns or axes that the signature asks for."""
    columns = [item for item in inputs if item.name]
    if isinstance(rows, Mapping):
        _require_names(list(rows), columns)
    elif is_frame(rows):
        _require_names([str(name) for name in rows.columns], columns)
        kinds = {str(name): kind.kind for name, kind in rows.dtypes.items()}
        for item in columns:
            _require_kind(item, kinds.get(item.name, ""))
    elif len(columns) == len(inputs) > 1 and rows.ndim == 2 and rows.shape[1] != len(inputs):
        raise UsageError(
            f"the model's signature has {len(inputs)} columns, X has {rows.shape[1]}: give rows "
            "like those that it was saved with"
        )
    elif len(inputs) == 1 and inputs[0].shape:
        _require_shape(rows.shape, inputs[0])


def _require_names(found: Sequence[str], columns: "Sequence[SignatureInput]") -> None:
    if not columns:
        return
    missing = [item.name for item in columns if item.is_required and item.name not in found]
    unknown = [name for name in found if name not in {item.name for item in columns}]
    if missing or unknown:
        raise UsageError(
            f"the columns of X are not those of the model's signature: missing {missing or 'none'},"
            f" not known to it {unknown or 'none'}"
        )


def _require_kind(item: "SignatureInput", kind: str) -> None:
    is_text, is_number = kind in tuple("OUT"), kind in tuple("biuf")
    if (item.type in _TEXTS and is_number) or (item.type in _NUMBERS and is_text):
        found = "text" if is_text else "numbers"
        raise UsageError(
            f"column {item.name!r} holds {found}, the model's signature says {item.type}: read it "
            "as the model was trained on it"
        )


def _require_shape(shape: Sequence[int], item: "SignatureInput") -> None:
    fits = len(shape) == len(item.shape) and all(
        wanted in (-1, found) for found, wanted in zip(shape[1:], item.shape[1:], strict=True)
    )
    if not fits:
        raise UsageError(
            f"X has shape {list(shape)}, the model's signature says {list(item.shape)}: give rows "
            "like those that it was saved with"
        )
