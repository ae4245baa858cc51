"""Rows on standard input, answered one JSON line each."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import typer

from edge_contract.errors import EdgeError, UsageError

if TYPE_CHECKING:
    from edge_agent.adapters.inputs import Rows
    from edge_agent.agent import Agent
    from edge_agent.model import Model
    from edge_agent.prediction import Prediction

__all__ = ["Answered", "answer_rows"]

_NAMED: Final = {"model", "row"}


class Answered(NamedTuple):
    """How many rows were answered, and how many of these with an error."""

    rows: int = 0
    failed: int = 0


def answer_rows(agent: "Agent") -> Answered:
    """Answer the rows on standard input; a terminal has none."""
    if sys.stdin is None or sys.stdin.isatty():
        return Answered()
    rows = failed = 0
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        if not rows:
            agent.wait_ready()
        answer = _answer(agent, line, number)
        typer.echo(json.dumps(answer))
        rows += 1
        failed += "error" in answer
    return Answered(rows, failed)


def _answer(agent: "Agent", line: str, number: int) -> dict[str, object]:
    from edge_agent.adapters.values import RowError

    try:
        found = json.loads(line)
    except ValueError as error:
        return {"line": number, "error": f"line {number} is no JSON: {error}"}
    try:
        model, row = _addressed(agent, found)
        rows: Rows = [_opened(model, row)]
        prediction = model.predict(rows)
    except RowError as error:
        return {"line": number, "error": f"line {number}: {error.text}"}
    except EdgeError as error:
        return {"line": number, "error": f"line {number}: {error}"}
    return _told(prediction)


def _addressed(agent: "Agent", found: object) -> "tuple[Model, object]":
    """Return which model a line is for, and its row."""
    if len(agent.models) == 1:
        return agent, found
    if not isinstance(found, Mapping) or found.keys() != _NAMED:
        known = ", ".join(map(repr, agent.models))
        raise UsageError(
            f"a line for an agent of several models ({known}) is an object with model and row, "
            f"got {json.dumps(found):.60}"
        )
    return agent[str(found["model"])], found["row"]


def _opened(model: "Model", row: object) -> object:
    """Return a row; a text is the path of a picture where the model takes pictures."""
    takes_pictures = model.manifest is not None and model.manifest.image is not None
    return Path(row) if takes_pictures and isinstance(row, str) else row


def _told(prediction: "Prediction") -> dict[str, object]:
    answer: dict[str, object] = {"id": prediction.id, "model": prediction.model}
    if prediction.labels is not None:
        answer["label"] = prediction.labels.tolist()[0]
    if prediction.probabilities is not None:
        answer["probabilities"] = [round(p, 6) for p in prediction.probabilities[0].tolist()]
    if prediction.values is not None:
        answer["value"] = prediction.values.tolist()[0]
    return answer
