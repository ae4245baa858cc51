"""Folders of models in the form in which MLflow 3.17 saves them."""

import json
from collections.abc import Sequence
from pathlib import Path

import skops.io
from sklearn.base import BaseEstimator

__all__ = ["RUN", "columns", "mlflow_folder", "saved_as_skops", "tensor"]

RUN = "2211c07c98bb4132946df7637a0b672b"

_MLMODEL = """\
{flavors}
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: m-68fb49c6d1e641cbb6839503a68262c3
model_size_bytes: 1814
model_uuid: m-68fb49c6d1e641cbb6839503a68262c3
prompts: null
run_id: {run}
{example}signature:
  inputs: '{inputs}'
  outputs: '[{{"type": "tensor", "tensor-spec": {{"dtype": "str", "shape": [-1]}}}}]'
  params: null
type_hint_from_example: false
utc_time_created: '2026-11-23 10:48:13.901048'
"""

_EXAMPLE = """\
saved_input_example_info:
  artifact_path: input_example.json
  pandas_orient: split
  serving_input_path: serving_input_example.json
  type: dataframe
"""


def columns(**types: str) -> str:
    """Return a signature of named columns."""
    return json.dumps([{"type": t, "name": n, "required": True} for n, t in types.items()])


def tensor(*shape: int) -> str:
    """Return a signature of one tensor of float32."""
    return json.dumps(
        [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": list(shape)}}]
    )


def mlflow_folder(
    path: Path, flavor: str, *, inputs: str = "", example: object = None, **settings: str
) -> Path:
    """Write a folder of a flavor with its settings; its model file is the caller's to write."""
    path.mkdir(parents=True)
    lines = [f"  {flavor}:", "    code: null", *(f"    {k}: {v}" for k, v in settings.items())]
    generic = ["  python_function:", "    loader_module: mlflow", "    python_version: 3.11.7"]
    text = _MLMODEL.format(
        flavors="\n".join(["flavors:", *generic, *lines]),
        run=RUN,
        example="" if example is None else _EXAMPLE,
        inputs=inputs.replace("'", "''"),
    )
    if not inputs:
        text = text.replace("  inputs: ''\n", "  inputs: null\n")
    (path / "MLmodel").write_text(text)
    if example is not None:
        (path / "input_example.json").write_text(json.dumps(example))
    return path


def saved_as_skops(
    path: Path,
    model: BaseEstimator,
    *,
    names: Sequence[str] = (),
    example: object = None,
) -> Path:
    """Write a folder of a scikit-learn model, as MLflow does unless it is told otherwise."""
    folder = mlflow_folder(
        path,
        "sklearn",
        inputs=columns(**dict.fromkeys(names, "double")) if names else "",
        example=example,
        pickled_model="model.skops",
        serialization_format="skops",
        skops_trusted_types="null",
    )
    skops.io.dump(model, folder / "model.skops")
    return folder
