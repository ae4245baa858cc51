"""Truths that other processes send for predictions they got."""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from edge_agent.serving.answer import Answer, json_answer
from edge_agent.serving.refused import RefusedError
from edge_contract.errors import UsageError

__all__ = ["label_answer"]

_MAX_LABELS: Final = 1000


def label_answer(label: Callable[[str, object], int], fields: Mapping[str, object]) -> Answer:
    """Hand truths on and return how many rows were labelled.

    Args:
        label: Counts one; an agent's ``label``.
        fields: ``{"prediction_id": ..., "truth": ...}``, or many of these as ``labels``.

    Raises:
        RefusedError: It is neither.
    """
    items = _items(fields)
    labelled = 0
    refused: list[Mapping[str, object]] = []
    for index, item in enumerate(items):
        try:
            labelled += _labelled(label, item)
        except (RefusedError, UsageError) as error:
            refused.append({"index": index, "error": str(error)})
    if not refused:
        return json_answer({"labelled": labelled})
    told = f"{len(refused)} of {len(items)} labels were refused: {refused[0]['error']}"
    found = {"error": told, "labelled": labelled, "refused": refused}
    return json_answer(found, HTTPStatus.BAD_REQUEST)


def _items(fields: Mapping[str, object]) -> Sequence[object]:
    if "labels" not in fields:
        return [fields]
    found = fields["labels"]
    if not isinstance(found, list) or not 0 < len(found) <= _MAX_LABELS:
        raise RefusedError.bad(f"labels is no list of 1 to {_MAX_LABELS} labels")
    return found


def _labelled(label: Callable[[str, object], int], item: object) -> int:
    match item:
        case {"prediction_id": str(name), "truth": truth}:
            return label(name, truth)
        case _:
            raise RefusedError.bad("a label is an object with prediction_id, a text, and truth")
