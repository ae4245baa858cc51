from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.retention import Retention
from cloud_sync.janitor import Janitor
from edge_contract.errors import UsageError
from edge_contract.package import Role
from tests.support.memory_warehouse import MemoryWarehouse
from tests.support.telemetry import (
    DIGITS,
    DIGITS_ROLE,
    batch_of,
    counting_package,
    payload_of,
    telemetry_topic,
    window_of,
)

DAY = 86_400.0
NOW = 20_000 * DAY + 5000.0
SPEC = DIGITS.specs[Role.PRIMARY]


def test_old_windows_become_hours_and_days_and_are_forgotten_at_last(tmp_path: Path) -> None:
    warehouse = MemoryWarehouse()
    collector = Collector(
        CollectorConfig(max_age_s=1000 * DAY),
        packages={DIGITS.digest: DIGITS}.get,
        marks=warehouse.marks,
        is_known=lambda _: True,
    )
    for seq, days in enumerate((0.5, 3.0, 40.0, 500.0)):
        at_unix_s = NOW - days * DAY
        windows = [window_of([(1.0, 2.0)], start_unix_s=at_unix_s + 60.0 * n) for n in range(2)]
        payload = payload_of(batch_of(seq, *windows))
        collector.on_telemetry(telemetry_topic(), payload, NOW)
    commit = collector.take_commit()
    assert commit is not None
    warehouse.commit(commit)

    with closing(FolderRegistry(tmp_path)) as packages:
        packages.put(counting_package(), at_unix_s=1.0)
        janitor = Janitor(warehouse, packages, Retention())
        janitor.clean(NOW)
        janitor.clean(NOW)

    starts = sorted(window.start_unix_s for window in warehouse._windows)
    assert [start % 3600 == 0 for start in starts] == [True, True, False, False]
    assert starts[0] % DAY == 0
    assert warehouse.cohort(DIGITS_ROLE, SPEC).counters.rows == 6


@pytest.mark.parametrize("days", [(0.0, 30.0, 400.0), (3.0, 2.0, 400.0), (2.0, 30.0, 20.0)])
def test_what_is_old_is_not_kept_more_finely(days: tuple[float, float, float]) -> None:
    fine, hourly, all_ = days

    with pytest.raises(UsageError, match="must not fall and be above 0"):
        Retention(fine_days=fine, hourly_days=hourly, days=all_)
