"""Models that others made and published convert, and the agent predicts with them."""

import csv
import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import edgefleet
from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, Package, Task
from tests.architecture.sources import ROOT
from tests.converters.helpers import diabetes, digits, quietly_converted
from tests.support.frameworks import skip_without

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

Table: TypeAlias = "pd.DataFrame | NDArray[np.generic]"

RNG = np.random.default_rng(0)
SAMPLES = RNG.normal(0, 0.1, (24, 576)).astype(np.float32)
STATES = RNG.normal(0, 0.1, (24, 2, 128)).astype(np.float32)
NO_BYTE: Final = 256


def answers(
    package: Package, rows: "Table | dict[str, NDArray[np.generic]]", folder: Path
) -> NDArray[np.generic]:
    """What an agent says with the package, loaded as on a device: labels, or numbers."""
    with edgefleet.Agent(package, device="tested", state=folder / "state") as agent:
        said = agent.predict(rows)
    return np.asarray(said.values if said.labels is None else said.labels)


def file_in(package: str, path: str) -> Path:
    """A file inside an installed package."""
    skip_without(package)
    found: Traversable = files(package) / path
    return Path(str(found))


def penguins() -> pd.DataFrame:
    """Three species, with islands and sexes as texts and measurements missing here and there."""
    path = file_in("palmerpenguins", "data/penguins.csv")
    with path.open(encoding="utf-8") as file:
        table = pd.DataFrame(csv.DictReader(file)).replace({"NA": None, "": None})
    measured = [name for name in map(str, table) if name.endswith(("_mm", "_g", "year"))]
    return table.astype(dict.fromkeys(measured, float))


def test_penguins_with_missing_measurements_and_sexes_are_told_apart(tmp_path: Path) -> None:
    table = penguins()
    rows, species = table.drop(columns="species"), table["species"].to_numpy(dtype=str)
    columns = make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            make_pipeline(
                SimpleImputer(missing_values=None, strategy="most_frequent"),
                OneHotEncoder(handle_unknown="ignore"),
            ),
            ["island", "sex"],
        ),
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    model.fit(rows[::2], species[::2])

    package = quietly_converted(model, rows, species)

    assert table.isna().any(axis=1).sum() > 5
    assert package.manifest.task is Task.MULTICLASS
    assert package.manifest.classes == ("Adelie", "Chinstrap", "Gentoo")
    accuracy = package.manifest.evidence.quality["accuracy"]
    assert isinstance(accuracy, float)
    assert accuracy > 0.95
    assert answers(package, rows[:50], tmp_path).tolist() == model.predict(rows[:50]).tolist()


def test_boosted_trees_for_the_progress_of_diabetes_convert(tmp_path: Path) -> None:
    rows, progress = diabetes()
    narrow = rows.astype(np.float32)
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(narrow, progress)

    package = quietly_converted(model, narrow, progress)

    assert package.manifest.task is Task.REGRESSION
    said = answers(package, narrow[:20], tmp_path).astype(float)
    assert np.allclose(said, model.predict(narrow[:20]), rtol=1e-4)


def test_a_support_vector_machine_for_wines_converts(tmp_path: Path) -> None:
    bunch = load_wine(as_frame=True)
    model = make_pipeline(StandardScaler(), SVC()).fit(bunch.data, bunch.target)

    package = quietly_converted(model, bunch.data, bunch.target)

    said = answers(package, bunch.data[:40], tmp_path).tolist()
    assert said == model.predict(bunch.data[:40]).tolist()


def test_a_forest_for_digits_converts(tmp_path: Path) -> None:
    rows, labels = digits()
    model = RandomForestClassifier(10, random_state=0, n_jobs=1).fit(rows[::2], labels[::2])

    package = quietly_converted(model, rows, labels)

    assert answers(package, rows[:40], tmp_path).tolist() == model.predict(rows[:40]).tolist()


def as_file_type_bytes(content: bytes) -> list[int]:
    """The first and the last 1,024 bytes, as Magika's network takes them."""
    start, end = content[:4096].lstrip()[:1024], content[-4096:].rstrip()[-1024:]
    filling = [NO_BYTE] * (2048 - len(start) - len(end))
    return [*start, *filling, *end]


def test_magika_tells_python_from_markdown_on_an_agent(tmp_path: Path) -> None:
    path = file_in("magika", "models/standard_v3_3/model.onnx")
    labels = json.loads((path.parent / "config.min.json").read_text("utf-8"))["target_labels_space"]
    pages = sorted((ROOT / "docs" / "adr").glob("00*.md"))[:6]
    sources = sorted(Path(json.__file__).parent.glob("*er.py"))
    contents = [as_file_type_bytes(it.read_bytes()) for it in (*pages, *sources)]
    rows = np.array(contents, dtype=np.int32)

    package = quietly_converted(path, rows, classes=labels)

    assert str(package.manifest.inputs[0]) == "int32[batch, 2048]"
    assert len(package.manifest.classes) == 214
    assert answers(package, rows, tmp_path).tolist() == ["markdown"] * 6 + ["python"] * 3


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("silero_vad.onnx", {"sr": 16000}),
        ("silero_vad_16k_op15.onnx", {"sr": 16000}),
        ("silero_vad_op18_ifless.onnx", {"sr": 16000}),
        ("silero_vad_half.onnx", {}),
        ("silero_vad_openvino_16k.onnx", {}),
    ],
)
def test_silero_finds_speech_with_the_state_as_an_input(
    name: str, rate: dict[str, int], tmp_path: Path
) -> None:
    path = file_in("silero_vad", f"data/{name}")

    package = quietly_converted(path, {"input": SAMPLES, "state": STATES, **rate})

    assert {spec.name: spec.shape[0] for spec in package.manifest.inputs} == {
        "input": "batch",
        "state": "batch",
    }
    roles = {output.tensor.name: output.role for output in package.manifest.outputs}
    assert roles == {"output": OutputRole.VALUE, "stateN": OutputRole.OTHER}
    assert package.manifest.evidence.parity["made_up_rows"] == {"values between two rows": 23}
    said = answers(package, {"input": SAMPLES, "state": STATES}, tmp_path).astype(float)
    assert said.shape == (24,)
    assert ((said >= 0) & (said <= 1)).all()


def test_a_model_whose_first_axis_is_time_is_refused() -> None:
    path = file_in("silero_vad", "data/silero_vad_16k_sequence.onnx")
    states = np.zeros((24, 1, 128), dtype=np.float32)

    with pytest.raises(UsageError, match=r"input 'h' of .* first axis must be a batch of any size"):
        quietly_converted(path, {"input": SAMPLES, "h": states, "c": states})
