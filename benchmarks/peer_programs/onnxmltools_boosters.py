"""onnxmltools: LightGBM's and XGBoost's models as ONNX.

    python onnxmltools_boosters.py

Reads ``{"model": PATH, "library": "XGBoost", "columns": 5, "onnx": PATH}``, where the model is a
pickle made by the same versions of the libraries, and answers ``{"made": 1}``, or ``{"made": 0}``
after writing why not in place of the model; and ``{}`` with ``{}``.
"""

import json
import logging
import pickle
import sys
import warnings
from pathlib import Path

from onnxmltools import convert_lightgbm, convert_xgboost  # type: ignore[import-not-found]
from onnxmltools.convert.common.data_types import (  # type: ignore[import-not-found]
    FloatTensorType,
)

sys.path.insert(0, str(Path(__file__).parents[2]))  # where objectives of their own are defined
_CONVERT = {"LightGBM": convert_lightgbm, "XGBoost": convert_xgboost}


def convert(model: str, library: str, columns: int, onnx: str) -> dict[str, float]:
    path = Path(onnx)
    try:
        source = pickle.loads(Path(model).read_bytes())  # noqa: S301  from the process that asks
        given = [("X", FloatTensorType([None, columns]))]
        path.write_bytes(_CONVERT[library](source, initial_types=given).SerializeToString())
    except Exception as error:  # noqa: BLE001  converters raise whatever their arithmetic raises
        path.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        return {"made": 0}
    return {"made": 1}


logging.disable(logging.WARNING)
warnings.simplefilter("ignore")
for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps(convert(**question) if question else {}), flush=True)
