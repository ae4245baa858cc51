from pathlib import Path

import pytest

from cloud_sync.config import CloudConfig
from cloud_sync.core.segment_index import SegmentRules
from edge_contract.errors import UsageError

DATA = Path("data")


def test_single_devices_are_kept_as_finely_as_all_together_unless_told_otherwise() -> None:
    assert CloudConfig(data=DATA, interval_s=10.4).device_window_s == 10
    assert CloudConfig(data=DATA, interval_s=0.5).device_window_s == 1
    assert CloudConfig(data=DATA, interval_s=10.0, device_window_s=2).device_window_s == 2


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_no_machine_has_is_refused(port: int) -> None:
    says = rf"port must be from 0 to 65535, got {port}"
    with pytest.raises(UsageError, match=says):
        CloudConfig(data=DATA, http_port=port)
    with pytest.raises(UsageError, match=says):
        CloudConfig(data=DATA, mqtt_port=port)
    with pytest.raises(UsageError, match=says):
        CloudConfig(data=DATA, websocket_port=port)


@pytest.mark.parametrize("interval_s", [0.4, 86_401.0, float("nan"), float("inf")])
def test_an_interval_that_is_too_short_or_too_long_is_refused(interval_s: float) -> None:
    with pytest.raises(UsageError, match=r"interval must be from 0\.5 to 86400 s"):
        CloudConfig(data=DATA, interval_s=interval_s)


def test_a_fleet_whose_name_cannot_stand_in_a_topic_is_refused() -> None:
    with pytest.raises(UsageError, match="my fleet"):
        CloudConfig(data=DATA, fleet="my fleet")


@pytest.mark.parametrize("per_month", [0.0, -1.0, float("nan")])
def test_a_budget_of_no_alarms_is_refused(per_month: float) -> None:
    with pytest.raises(UsageError, match="false alarms per month must be above 0"):
        CloudConfig(data=DATA, false_alarms_per_month=per_month)


def test_devices_are_told_apart_only_by_what_they_can_be_told_apart_by() -> None:
    assert CloudConfig(data=DATA).segment_rules == SegmentRules()
    asked = CloudConfig(data=DATA, segments=("tag:site", "hardware"), min_cohort=5)
    assert asked.segment_rules == SegmentRules(sources=("tag:site", "hardware"), min_devices=5)
    with pytest.raises(UsageError, match="cannot tell devices apart by 'site': give 'tag:NAME'"):
        CloudConfig(data=DATA, segments=("site",))


def test_a_cohort_of_nobody_is_refused() -> None:
    with pytest.raises(UsageError, match="min_cohort must be at least 1 device, got 0"):
        CloudConfig(data=DATA, min_cohort=0)


def test_room_below_nothing_for_deltas_is_refused() -> None:
    assert CloudConfig(data=DATA, max_delta_bytes=0).max_delta_bytes == 0
    with pytest.raises(UsageError, match="max_delta_bytes must be 0 or more, got -1048576"):
        CloudConfig(data=DATA, max_delta_bytes=-(2**20))
