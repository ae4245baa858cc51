"""Views with every field filled, for tests that need a fleet that has lived for a while."""

from collections.abc import Mapping

from cloud_sync.backend import AlarmView, DeviceView
from edge_contract.reading import JsonObject
from tests.support.memory_cloud import START_UNIX_S

__all__ = ["alarm", "device"]


def device(
    name: str,
    *,
    status: str = "online",
    rows: int = 1200,
    version: str = "1.0.0",
    tags: Mapping[str, str] | None = None,
) -> DeviceView:
    """A device that serves one version of ``digits``."""
    slots: list[JsonObject] = [
        {"slot": "A", "state": "active", "version": version, "digest": "sha256:aa", "detail": ""},
        {"slot": "B", "state": "empty", "version": "", "digest": "", "detail": ""},
    ]
    report: JsonObject = {
        "serving": "sha256:aa",
        "version": version,
        "provider": "CPUExecutionProvider",
        "slots": slots,
    }
    return DeviceView(
        name=name,
        status=status,
        boot=3,
        boots=2,
        last_seen_unix_s=START_UNIX_S + 10.0,
        desired_generation=4,
        reported_generation=4,
        rows_merged=rows,
        models={"digits": report},
        desired={},
        tags={"site": "oslo"} if tags is None else tags,
        facts={"cpus": 4},
        resources={"temperature_c": 48.5},
    )


def alarm(alarm_id: str, *, model: str = "digits") -> AlarmView:
    """A drift alarm that names two devices."""
    return AlarmView(
        alarm_id=alarm_id,
        model=model,
        version="1.0.0",
        kind="drift",
        raised_unix_s=START_UNIX_S + 5.0,
        sentence="2 features of digits@1.0.0 drifted, mostly on cam-03 and cam-04",
        features=["left", "right"],
        devices=["cam-03", "cam-04"],
        evidence={"left": 3.5, "right": 1.25},
    )
