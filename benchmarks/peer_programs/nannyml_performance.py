"""NannyML: performance without labels, by CBPE and DLE.

    python nannyml_performance.py

Answers ``{"do": "cbpe", "path": FILE.npz}`` with every metric of every live chunk (``accuracy:0``)
and ``{"do": "dle", "path": FILE.npz}`` with ``mae:0`` and so on. The file holds what the reference
said (``said``), what was true (``true``), and the chunks (``live:0``); for DLE also the inputs
(``inputs``, ``live_inputs:0``).
"""

import json
import os
import sys
import warnings
from collections.abc import Callable

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
_ANSWERS_TO = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries talk
warnings.filterwarnings("ignore")

import nannyml  # type: ignore[import-not-found]  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

_METRICS = ["roc_auc", "f1", "precision", "recall", "accuracy"]
_ERRORS = ["mae", "rmse"]


def cbpe(path: str) -> dict[str, float]:
    with np.load(path) as file:
        said, true = file["said"], file["true"]
        live = [file[f"live:{n}"] for n in range(_chunks(file, "live"))]
    estimator = nannyml.CBPE(
        **_columns(said.shape[1]),
        y_pred="predicted",
        y_true="true",
        metrics=_METRICS,
        chunk_size=len(live[0]),
    )
    reference = _table(said)
    reference["true"] = true if said.shape[1] == 2 else [f"c{k}" for k in true]
    estimator.fit(reference)
    return _by_chunk(estimator, pd.concat([_table(rows) for rows in live]), _METRICS)


def dle(path: str) -> dict[str, float]:
    with np.load(path) as file:
        names = [f"x{k}" for k in range(file["inputs"].shape[1])]
        reference = pd.DataFrame(file["inputs"], columns=names)
        reference["predicted"], reference["true"] = file["said"], file["true"]
        live = []
        for n in range(_chunks(file, "live")):
            live.append(pd.DataFrame(file[f"live_inputs:{n}"], columns=names))
            live[-1]["predicted"] = file[f"live:{n}"]
    estimator = nannyml.DLE(
        feature_column_names=names,
        y_pred="predicted",
        y_true="true",
        metrics=_ERRORS,
        chunk_size=len(live[0]),
    )
    estimator.fit(reference)
    return _by_chunk(estimator, pd.concat(live), _ERRORS)


def _chunks(file: np.lib.npyio.NpzFile, name: str) -> int:
    return sum(key.startswith(f"{name}:") for key in file.files)


def _columns(classes: int) -> dict[str, object]:
    if classes == 2:
        return {"problem_type": "classification_binary", "y_pred_proba": "p1"}
    columns = {f"c{k}": f"p{k}" for k in range(classes)}
    return {"problem_type": "classification_multiclass", "y_pred_proba": columns}


def _table(said: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame({f"p{k}": said[:, k] for k in range(said.shape[1])})
    guesses = said.argmax(axis=1)
    table["predicted"] = guesses if said.shape[1] == 2 else [f"c{k}" for k in guesses]
    return table


def _by_chunk(estimator: nannyml.CBPE, live: pd.DataFrame, metrics: list[str]) -> dict[str, float]:
    table = estimator.estimate(live.reset_index(drop=True)).filter(period="analysis").to_df()
    return {
        f"{metric}:{n}": float(value)
        for metric in metrics
        for n, value in enumerate(table[(metric, "value")])
    }


_ANSWERS: dict[str, Callable[..., dict[str, float]]] = {"cbpe": cbpe, "dle": dle}

for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps(_ANSWERS[question.pop("do")](**question)), file=_ANSWERS_TO, flush=True)
