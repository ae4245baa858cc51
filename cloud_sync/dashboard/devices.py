"""The rows of the device list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.backend import DeviceView

__all__ = ["DeviceRow", "SlotLine", "device_row"]


@dataclass(frozen=True, slots=True)
class SlotLine:
    """One slot of a model on a device."""

    model: str
    name: str
    state: str
    version: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device in the list."""

    view: DeviceView
    serving: Sequence[str]
    slots: Sequence[SlotLine]
    is_settled: bool


def device_row(view: DeviceView) -> DeviceRow:
    """Return a row; reports of an unknown shape are shown as far as they go."""
    serving, slots = [], []
    for model, report in sorted(view.models.items()):
        if not isinstance(report, Mapping):
            continue
        if report.get("version"):
            serving.append(f"{model}@{report['version']}")
        listed = report.get("slots")
        if isinstance(listed, Sequence) and not isinstance(listed, str):
            slots += [_slot_line(model, slot) for slot in listed if isinstance(slot, Mapping)]
    return DeviceRow(
        view=view,
        serving=serving,
        slots=slots,
        is_settled=view.reported_generation >= view.desired_generation,
    )


def _slot_line(model: str, slot: Mapping[str, object]) -> SlotLine:
    return SlotLine(
        model=model,
        name=str(slot.get("slot", "")),
        state=str(slot.get("state", "")),
        version=str(slot.get("version", "")),
        detail=str(slot.get("detail", "")),
    )
