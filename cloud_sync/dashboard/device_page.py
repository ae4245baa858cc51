"""The page of one device: what it is, what it runs, and what it was told."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.backend import AnswerView, CloudBackend, DeviceView
from cloud_sync.dashboard.devices import DeviceRow, SlotLine, device_row
from edge_contract.messages import resources_in
from edge_contract.reading import JsonValue

__all__ = ["DevicePage", "device_page_of"]

_ANSWERS: Final = 8
_ORDERS: Final = (
    ("ping", "Ping", ""),
    ("report", "Report now", ""),
    ("clear-bad", "Clear bad versions", "Let versions be tried again that failed on this device?"),
    ("restart", "Restart agent", "Restart the agent of this device?"),
)


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model on the device; ``wanted`` is what the cloud wants it to run, if that differs."""

    name: str
    version: str
    runs_on: str
    wanted: str
    slots: Sequence[SlotLine]


@dataclass(frozen=True, slots=True)
class DevicePage:
    """Everything on the page; an order is its name, its title, and what to ask before."""

    row: DeviceRow
    models: Sequence[ModelLine]
    facts: Sequence[tuple[str, str]]
    tags: Sequence[tuple[str, str]]
    resources: Sequence[tuple[str, str]]
    answers: Sequence[AnswerView]
    orders: Sequence[tuple[str, str, str]] = _ORDERS


def device_page_of(backend: CloudBackend, name: str) -> DevicePage:
    """Ask the backend for a device; raises ``NotFoundError``."""
    view = backend.device(name)
    row = device_row(view)
    return DevicePage(
        row=row,
        models=[_model_line(model, view, row) for model in sorted(view.models)],
        facts=[(key, _text(value)) for key, value in sorted(view.facts.items())],
        tags=sorted(view.tags.items()),
        resources=list(resources_in(view.resources).in_words().items()),
        answers=backend.commands.answers_of(name, limit=_ANSWERS),
    )


def _model_line(model: str, view: DeviceView, row: DeviceRow) -> ModelLine:
    report = _object(view.models[model])
    provider = str(report.get("provider") or "")
    variant = str(report.get("variant") or "")
    runs_on = f"on {provider}{f' ({variant})' if variant else ''}" if provider else ""
    serve = _object(_object(view.desired.get(model)).get("serve"))
    wanted = str(serve.get("version") or "")
    version = str(report.get("version") or "")
    return ModelLine(
        name=model,
        version=version,
        runs_on=runs_on,
        wanted="" if wanted == version else wanted,
        slots=[slot for slot in row.slots if slot.model == model],
    )


def _object(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}


def _text(value: JsonValue) -> str:
    match value:
        case str():
            return value
        case [*_]:
            return ", ".join(str(item) for item in value)
        case _:
            return json.dumps(value)
