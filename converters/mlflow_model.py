"""The folder of a model that MLflow saved: what its ``MLmodel`` file says; MLflow is not needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from converters.base import Rows
from converters.loading import library
from edge_contract.errors import PackageError, UsageError
from edge_contract.json_text import parse_json
from edge_contract.reading import JsonObject, JsonValue, Reader

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MLMODEL", "MlflowFolder", "SignatureInput", "example_rows", "read_mlflow_folder"]

MLMODEL: Final = "MLmodel"
_NULL: Final = ("", "null", "~")
_MAX_BYTES: Final = 1_000_000
_MAX_EXAMPLE_BYTES: Final = 100_000_000
_MAX_INPUTS: Final = 100_000
_ABOUT: Final = ("model_id", "run_id", "mlflow_version", "utc_time_created")


class SignatureInput(NamedTuple):
    """A column or a tensor that the model takes, as its signature says.

    Attributes:
        name: Its name; empty if it has none.
        type: MLflow's name of the type of a column, or numpy's of a tensor.
        shape: Of a tensor, with -1 for an axis of any length; empty for a column.
        is_required: Whether rows must have it.
    """

    name: str
    type: str
    shape: tuple[int, ...] = ()
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class MlflowFolder:
    """A saved model, not loaded yet.

    Attributes:
        path: Its folder.
        flavors: The settings of each way to load it, by the way's name.
        inputs: What the signature says of the rows; empty if there is none.
        about: Ids, version and time, as far as they are known.
        example: The file of an example of rows; empty if there is none.
    """

    path: Path
    flavors: Mapping[str, Mapping[str, str]]
    inputs: tuple[SignatureInput, ...]
    about: JsonObject
    example: str

    def file(self, name: str) -> Path:
        """Return a file or folder of the model.

        Raises:
            PackageError: It is not there, or is outside the folder.
        """
        home = self.path.resolve()
        found = (home / name).resolve()
        if not name or not found.is_relative_to(home) or found == home:
            raise PackageError(
                f"{MLMODEL} of {str(self.path)!r} names {name!r}, no file of its own"
            )
        if not found.exists():
            raise PackageError(f"{str(self.path)!r} lacks {name!r}, which its {MLMODEL} names")
        return found


def read_mlflow_folder(path: Path) -> MlflowFolder:
    """Read the ``MLmodel`` file of a folder.

    Raises:
        UsageError: There is none.
        PackageError: It cannot be read.
    """
    if not (path / MLMODEL).is_file():
        raise UsageError(
            f"{str(path)!r} is a folder without a file {MLMODEL}: give the file of a model, or "
            "the folder of a model that MLflow saved"
        )
    what = f"{MLMODEL} of {str(path)!r}"
    reader = Reader(_yaml(path / MLMODEL, what), what, PackageError)
    about: dict[str, JsonValue] = {name: _text(reader, name) for name in _ABOUT}
    example = reader.get("saved_input_example_info")
    return MlflowFolder(
        path=path,
        flavors={name: _settings(item) for name, item in reader["flavors"].fields().items()},
        inputs=_signature(reader, what),
        about={name: value for name, value in about.items() if value},
        example="" if example is None or example.is_text else _text(example, "artifact_path"),
    )


def example_rows(folder: MlflowFolder) -> Rows:
    """Return the rows that were saved as an example of what the model takes.

    Raises:
        UsageError: There are none, or in a form that is not read.
        PackageError: They are damaged.
    """
    if not folder.example:
        raise UsageError(
            f"{str(folder.path)!r} holds no example of its rows: give rows like those that devices "
            "will see"
        )
    path = folder.file(folder.example)
    try:
        saved = parse_json(_bytes(path, at_most=_MAX_EXAMPLE_BYTES))
    except ValueError as error:
        raise PackageError(f"{str(path)!r} is no readable JSON: {error}") from error
    match saved:
        case {"columns": list(names), "data": list(values)}:
            pandas = library("pandas", "pandas")
            table: Rows = pandas.DataFrame(values, columns=[str(name) for name in names])
            return table
        case {"inputs": list(values)} | list(values):
            array: NDArray[np.generic] = np.asarray(values)
            return array
        case {"inputs": dict(tensors)} | dict(tensors) if _are_lists(tensors):
            return {str(name): np.asarray(values) for name, values in tensors.items()}
        case _:
            raise UsageError(f"{str(path)!r} holds no table and no arrays: give rows of your own")


def _are_lists(tensors: Mapping[object, object]) -> bool:
    return all(isinstance(values, list) for values in tensors.values())


def _yaml(path: Path, what: str) -> object:
    yaml = library("yaml", "pyyaml")
    try:
        # Everything stays text: nothing of Python is made, and no merge key multiplies.
        return yaml.load(_bytes(path, at_most=_MAX_BYTES).decode(), Loader=yaml.BaseLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        first = str(error).partition("\n")[0]
        raise PackageError(f"{what} is no readable YAML: {first}") from error


def _bytes(path: Path, *, at_most: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(at_most + 1)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
    if len(data) > at_most:
        raise PackageError(f"{str(path)!r} is larger than {at_most:,} bytes")
    return data


def _text(reader: Reader, name: str) -> str:
    item = reader.get(name)
    if item is None or not item.is_text:
        return ""
    text = item.text()
    return "" if text in _NULL else text


def _settings(reader: Reader) -> dict[str, str]:
    """Return the settings of a flavor that are texts; lists and objects are none that we need."""
    return {name: _text(reader, name) for name, item in reader.fields().items() if item.is_text}


def _signature(reader: Reader, what: str) -> tuple[SignatureInput, ...]:
    signature = reader.get("signature")
    text = "" if signature is None or signature.is_text else _json_text(signature)
    if not text:
        return ()
    try:
        parsed = Reader(parse_json(text.encode()), f"signature in {what}", PackageError)
    except ValueError as error:
        raise PackageError(f"the signature in {what} is no readable JSON: {error}") from error
    return tuple(map(_input, parsed.items(max_length=_MAX_INPUTS)))


def _json_text(signature: Reader) -> str:
    inputs = signature.get("inputs")
    text = "" if inputs is None else inputs.text(max_length=_MAX_BYTES)
    return "" if text in _NULL else text


def _input(reader: Reader) -> SignatureInput:
    name, required = reader.get("name"), reader.get("required")
    kind = reader["type"].text(max_length=64)
    shape: Sequence[int] = ()
    if kind == "tensor":
        spec = reader["tensor-spec"]
        kind = spec["dtype"].text(max_length=64)
        shape = [axis.integer(low=-1) for axis in spec["shape"].items(max_length=16)]
    return SignatureInput(
        name="" if name is None else name.text(max_length=1000),
        type=kind,
        shape=tuple(shape),
        is_required=required is None or required.flag(),
    )
